"""`gossim validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .options import Imports, ScenarioFile, permit_imports, show_warnings

if TYPE_CHECKING:
    from ..scenario.scenario import Scenario
    from ..scenario.sweep import Point


def validate(scenario: ScenarioFile, imports: Imports = False) -> None:
    """Check a scenario file.

    Your own algorithms and models are checked only with --import, which runs their code. Whether data and models can
    be loaded is known only when the scenario runs.
    """
    from ..files.trust import Trust, trusting
    from ..scenario.yaml_file import read

    if imports:
        permit_imports()
    data = read(scenario)
    with trusting(Trust(imports=imports)):
        settings, points, swept, warnings = _described(data, str(scenario))
        scenarios = [point.scenario for point in points] or [settings]
        if imports:
            _import_models(scenarios)
        if imports or not any(_reads_by_code(each) for each in scenarios):  # what a run costs depends on its data
            warnings = [*warnings, *_cost(settings, points)]
        show_warnings(warnings)
    arms = ", ".join(settings.arms)
    print(f"{scenario}: valid{swept}; arms {arms}; {settings.repeats} seed(s) from {settings.seed}")
    unchecked = sorted({name for each in scenarios for name in each.own_code()})
    if unchecked and not imports:
        print(f"not imported, and so not checked: {', '.join(unchecked)} (--import does, and runs their code)")


def _described(data: Any, source: str) -> tuple[Scenario, tuple[Point, ...], str, list[str]]:
    """Return the scenario, the points of a sweep, a sentence about the sweep, and warnings."""
    if isinstance(data, dict) and "sweep" in data:
        from ..scenario.sweep import Sweep

        described = Sweep.parse(data, source)
        swept = f"; a sweep of {len(described.points)} points over {', '.join(described.keys)}"
        return described.scenario, described.points, swept, described.warnings
    from ..scenario.scenario import Scenario

    settings = Scenario.parse(data, source)
    return settings, (), "", settings.warnings


def _import_models(scenarios: list[Scenario]) -> None:
    """Import the user's models and data sets. Raises InputError."""
    from ..problems.data import DataFactory
    from ..problems.models import Factory

    for scenario in scenarios:
        for arm in scenario.arms.values():
            if arm.problem and isinstance(arm.problem.model, Factory):
                arm.problem.model.imported()
            if arm.problem and isinstance(arm.problem.data, DataFactory):
                arm.problem.data.imported()


def _reads_by_code(scenario: Scenario) -> bool:
    """Return whether an arm's data come from a user's function."""
    return any(":" in arm.problem.data.name for arm in scenario.arms.values() if arm.problem and arm.problem.data)


def _cost(settings: Scenario, points: tuple[Point, ...]) -> list[str]:
    """Return warnings about a run that takes long or that this machine cannot do."""
    from ..errors import InputError
    from ..estimates.limits import refuse_impossible_points, refuse_the_impossible

    try:
        long = refuse_impossible_points(points) if points else refuse_the_impossible(settings, stored=True)
    except InputError as error:
        return [f"`gossim run` refuses it here: {error}"]
    return [f"it will take {long}, as estimated"] if long else []
