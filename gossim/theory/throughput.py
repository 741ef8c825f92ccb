"""Gradient steps per second, and what they are made of."""

from __future__ import annotations


def ring_allreduce_s(workers: int, size_bytes: float, latency_s: float, bandwidth_bytes_per_s: float) -> float:
    """2(M−1)·latency + 2(M−1)/M · bytes/bandwidth. Source: Patarasuk and Yuan 2009."""
    return 2 * (workers - 1) * (latency_s + size_bytes / workers / bandwidth_bytes_per_s)
