"""`gossim validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .shared import ScenarioFile, new_console

if TYPE_CHECKING:
    from ..grid import Sweep
    from ..scenario import Scenario


def validate(scenario: ScenarioFile) -> None:
    """Check a scenario file, and import its algorithms. Whether model and data can be had is seen when it is run."""
    from ..scenario import Scenario, read

    data, swept = read(scenario), ""
    described: Sweep | Scenario
    if isinstance(data, dict) and "sweep" in data:
        from ..grid import Sweep

        described = Sweep.parse(data, str(scenario))
        settings = described.scenario
        swept = f"; a sweep of {len(described.points)} points over {', '.join(described.keys)}"
    else:
        described = settings = Scenario.parse(data, str(scenario))
    arms = ", ".join(settings.arms)
    print(f"{scenario}: valid{swept}; arms {arms}; {settings.repeats} seed(s) from {settings.seed}")
    warning = _warning(described)
    if warning:
        new_console(stderr=True, soft_wrap=True, highlight=False).print(f"warning: {warning}", markup=False)


def _warning(described: Sweep | Scenario) -> str | None:
    """What to say of a run that takes long, or that this machine cannot do."""
    from ..errors import InputError
    from ..estimates.limits import refuse_impossible_points, refuse_the_impossible
    from ..scenario import Scenario

    try:
        if isinstance(described, Scenario):
            long = refuse_the_impossible(described)
        else:
            long = refuse_impossible_points(described.points)
    except InputError as error:
        return f"`gossim run` refuses it here: {error}"
    return long and f"it will take {long}, as estimated"
