"""The kinds of value that a scenario is made of, and how broken rules are reported."""
