"""How hard what a user asks is: fifteen dimensions, the ask's meaning, one score."""
