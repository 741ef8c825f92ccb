"""The report of a run: one HTML page with its table, its curves and an animation of its first seconds."""
