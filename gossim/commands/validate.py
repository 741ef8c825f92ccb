"""`gossim validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .shared import Imports, ScenarioFile, permit_imports

if TYPE_CHECKING:
    from ..scenario import Scenario


def validate(scenario: ScenarioFile, imports: Imports = False) -> None:
    """Check a scenario file. Whether model and data can be had is seen when it is run.

    Algorithms and models of the user's own are checked with --import alone: it runs their code.
    """
    from ..scenario import read
    from ..trust import Trust, trusting

    if imports:
        permit_imports()
    data = read(scenario)
    with trusting(Trust(imports=imports)):
        settings, points, swept = _described(data, str(scenario))
        if imports:
            _import_models(points)
    arms = ", ".join(settings.arms)
    print(f"{scenario}: valid{swept}; arms {arms}; {settings.repeats} seed(s) from {settings.seed}")
    unchecked = sorted({name for point in points for name in point.own_code()})
    if unchecked and not imports:
        print(f"not imported, and so not checked: {', '.join(unchecked)} (--import does, and runs their code)")


def _described(data: Any, source: str) -> tuple[Scenario, list[Scenario], str]:
    """The scenario, those of all points of a sweep, and what is said of the sweep."""
    if isinstance(data, dict) and "sweep" in data:
        from ..grid import Sweep

        described = Sweep.parse(data, source)
        swept = f"; a sweep of {len(described.points)} points over {', '.join(described.keys)}"
        return described.scenario, [point.scenario for point in described.points], swept
    from ..scenario import Scenario

    settings = Scenario.parse(data, source)
    return settings, [settings], ""


def _import_models(scenarios: list[Scenario]) -> None:
    """Import the models of the user's own. Raises InputError."""
    from ..problems.models import Factory

    for scenario in scenarios:
        for arm in scenario.arms.values():
            if arm.problem and isinstance(arm.problem.model, Factory):
                arm.problem.model.imported()
