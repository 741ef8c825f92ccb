"""One linear layer."""

from __future__ import annotations

from typing import Literal

from .logistic import Logistic


class Linear(Logistic):
    """One linear layer on the flattened sample: linear regression, or for classes what `logistic` is."""

    name: Literal["linear"] = "linear"  # type: ignore[assignment]
