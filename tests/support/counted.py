"""A module of the user's in which a network counts its calls."""

CALLS = 0
LIST = [0]


def bump() -> None:
    global CALLS
    CALLS += 1
