"""`gossim validate`."""

from __future__ import annotations

from .shared import ScenarioFile, show_warnings


def validate(scenario: ScenarioFile) -> None:
    """Check a scenario file, and import its algorithms. Whether model and data can be had is seen when it is run."""
    from ..scenario import Scenario, read

    data, swept = read(scenario), ""
    warnings: list[str]
    if isinstance(data, dict) and "sweep" in data:
        from ..grid import Sweep

        described = Sweep.parse(data, str(scenario))
        settings, warnings = described.scenario, described.warnings
        swept = f"; a sweep of {len(described.points)} points over {', '.join(described.keys)}"
    else:
        settings = Scenario.parse(data, str(scenario))
        warnings = settings.warnings
    show_warnings(warnings)
    arms = ", ".join(settings.arms)
    print(f"{scenario}: valid{swept}; arms {arms}; {settings.repeats} seed(s) from {settings.seed}")
