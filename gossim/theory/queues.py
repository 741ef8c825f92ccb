"""Waiting where one thing is served at a time."""

from __future__ import annotations


def md1_waiting_s(arrivals_per_s: float, service_s: float) -> float:
    """Return the mean time in the queue of an M/D/1 queue, service not included: ρs/(2(1 − ρ)) with ρ = λs < 1.

    Args:
        arrivals_per_s: λ.
        service_s: s, the constant time of a service.

    Source: Pollaczek and Khinchine; Kleinrock 1975, Queueing Systems 1, 5.6.
    """
    load = arrivals_per_s * service_s
    return load * service_s / (2 * (1 - load))
