"""Tests of the digests of tool output."""
