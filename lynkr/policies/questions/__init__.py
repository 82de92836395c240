"""Whether two questions ask for the same answer: their canonical words, features, and the guard."""
