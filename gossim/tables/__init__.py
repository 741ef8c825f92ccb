"""The tables that a run records, and the directory that holds them."""
