"""Running scenarios: one after the other, or as the points of a sweep, into directories."""
