"""What every process that computes gradients imports: loaded once, in the process from which the others are forked."""

from __future__ import annotations

from ..execute import batched, recorder, reference, runtime
from ..problems import build, check
from . import experiment

__all__ = ["batched", "build", "check", "experiment", "recorder", "reference", "runtime"]
