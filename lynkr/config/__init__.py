"""Typed settings and how they are read. ``settings`` holds the tree, ``loader`` fills it."""
