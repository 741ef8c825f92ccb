"""What can be said of a run once it has been recorded."""
