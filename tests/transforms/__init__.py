"""Tests of what rewrites requests."""
