"""What is kept: each store alone, behind what its users need of it."""
