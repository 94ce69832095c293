"""Orders: searches for one order of all operations that a sequential object explains."""
