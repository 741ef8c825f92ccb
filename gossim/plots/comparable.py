"""Which figures can show two runs side by side."""

from __future__ import annotations

from typing import Any

from ..analysis.side_by_side import SideBySide
from ..scenario.scenario import Scenario
from ..schema.violations import short
from .losses import shown_loss
from .metrics import asked_for

COMPARED = ("loss", "loss_by_steps", "metrics", "consensus_distance", "gradient_gap", "time_shares")
"""The others are of one seed: of two runs, they stand in the folders of each."""


def left_out(pair: SideBySide) -> dict[str, str]:
    """Return the figures in which these runs cannot be compared, each with the reason: a curve that one of them does
    not have, or numbers that do not mean the same.
    """
    first, second = (run.scenario for run in pair.runs)
    reasons: dict[str, str] = {}
    loss = None
    if shown_loss(pair) is None:
        loss = "the runs do not both have a test loss, nor both a train loss"
    elif _learned(first) != _learned(second):
        loss = f"losses of different problems ({_told(_learned(first))}; {_told(_learned(second))}) are not comparable"
    if loss:
        reasons["loss"] = reasons["loss_by_steps"] = loss
        if asked_for(pair):
            reasons["metrics"] = loss.replace("losses of", "metrics of", 1)
    if _models(first) != _models(second):
        told = f"{_told(_models(first))}; {_told(_models(second))}"
        distance = f"distances between parameters of different models ({told}) are not comparable"
        reasons["consensus_distance"] = reasons["gradient_gap"] = distance
    elif not (pair.probes["consensus_distance"] > 0).any():
        reasons["consensus_distance"] = "in both runs it is 0 throughout, or was not measured"
    for figure, table, how in (
        ("gradient_gap", "gaps", "was run without probe.gradient_gap"),
        ("time_shares", "activities", "did not record it"),
    ):
        without = [name for name, run in zip(pair.names, pair.runs, strict=True) if getattr(run, table).empty]
        if without:
            reasons[figure] = ", ".join(f"{name} {how}" for name in without)
    return reasons


def _learned(scenario: Scenario) -> dict[str, str]:
    """Return what the losses are losses of, and its name: a data set, or the model for problems without data."""
    problems = [arm.problem for arm in scenario.arms.values() if arm.problem]
    return dict(_named(p.data.name) if p.data else _named(p.model) for p in problems)


def _models(scenario: Scenario) -> dict[str, str]:
    """Return the arms' models, with the data that set their size."""
    problems = [arm.problem for arm in scenario.arms.values() if arm.problem]
    return dict(_named(p.model, f" on {p.data.name}" if p.data else "") for p in problems)


def _named(what: Any, on: str = "") -> tuple[str, str]:
    """Return the whole setting, by which it is known, and a line that describes it."""
    data = what if isinstance(what, str) else what.model_dump(mode="json")
    return f"{data}{on}", f"{short(data)}{on}"


def _told(named: dict[str, str]) -> str:
    return ", ".join(named.values()) or "none"
