"""What a run will cost, from its scenario alone: how many events, and how much memory. Nothing is built for it."""
