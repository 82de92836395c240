"""What rewrites requests: pure functions of their bytes."""
