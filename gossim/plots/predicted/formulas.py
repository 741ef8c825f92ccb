"""Which formula applies to which algorithm."""

from __future__ import annotations

from ...algorithms import Algorithm
from ...algorithms.adpsgd import ADPSGD
from ...algorithms.dpsgd import DPSGD
from ...algorithms.gosgd_push import GoSGDPush
from ...algorithms.local_sgd import LocalSGD
from .adpsgd import ADPSGDFormula
from .base import Formula
from .dpsgd import DPSGDFormula
from .gosgd_push import GoSGDPushFormula
from .local_sgd import LocalSGDFormula

FORMULAS: dict[type[Algorithm], Formula] = {
    GoSGDPush: GoSGDPushFormula(),
    ADPSGD: ADPSGDFormula(),
    LocalSGD: LocalSGDFormula(),
    DPSGD: DPSGDFormula(),
}
"""For exactly these classes: one that is derived from them may do something else."""
