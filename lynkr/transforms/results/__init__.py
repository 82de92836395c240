"""What tools brought back, in fewer tokens."""
