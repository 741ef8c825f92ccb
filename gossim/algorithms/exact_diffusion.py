from __future__ import annotations

from typing import ClassVar, Literal

from ..cluster.topology import TopologySettings
from .d2 import D2


class ExactDiffusion(D2):
    """Exact diffusion: adapt, correct, combine. As `d2`, with (I + W)/2 in place of W, which allows any W.

    ψ⁺ = x − ηg;  φ = ψ⁺ + x − ψ;  x⁺ = ½(I + W) φ, with ψ = x⁰ at first.

    Invariant: x̄ moves by the mean step alone. On a quadratic without noise it converges to the exact optimum, where
    D-PSGD does not. With M = 1, SGD.
    Cost per step: one parameter vector to each neighbour.
    Source: Yuan, Ying, Zhao, Sayed 2019, arXiv:1702.05122, from memory; its limit is tested, and the rule against a
    second implementation.
    """

    laziness: ClassVar[float] = 0.5
    name: Literal["exact_diffusion"] = "exact_diffusion"  # type: ignore[assignment]

    def unfit_matrix(self, topology: TopologySettings, workers: int, seed: int) -> str | None:
        return None
