"""What is learned: models, data and their gradients. Describing a problem needs no torch; building one does."""

from __future__ import annotations

from .data import DATA, AnyData, DataSpec
from .models import MODELS, AnyModel, ModelSpec
from .partition import PARTITIONS, AnyPartition
from .settings import ProblemSettings

__all__ = [
    "DATA",
    "MODELS",
    "PARTITIONS",
    "AnyData",
    "AnyModel",
    "AnyPartition",
    "DataSpec",
    "ModelSpec",
    "ProblemSettings",
]
