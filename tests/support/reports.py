"""Small runs whose reports are looked at."""

from __future__ import annotations

import json
import re
from typing import Any

import gossim
from gossim.results import Results
from support.scenarios import BASE

EVIL = "<script>alert(1)</script> & <b>"
"""The name of an arm, which has to stay a text."""


def small_run(**sections: Any) -> Results:
    """A run of two seconds of a gossiping arm, one of two workers in step, and one worker, on a quadratic."""
    arms = {
        "push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}},
        EVIL: {"algorithm": {"name": "allreduce", "collective": "ring"}, "workers": 2},
        "alone": {"algorithm": {"name": "sgd"}, "workers": 1},
    }
    data = {**BASE, "title": f"One & {EVIL}", "until": {"time_s": 2.0}, "repeats": 2, "arms": arms, **sections}
    return gossim.run(gossim.Scenario.parse(data))


def data_of(page: str) -> dict[str, Any]:
    """What the script of a page is given."""
    (found,) = re.findall(r'<script type="application/json" id="run">(.*?)</script>', page, re.DOTALL)
    data: dict[str, Any] = json.loads(found)
    return data
