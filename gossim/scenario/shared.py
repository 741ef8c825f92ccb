"""What a scenario says besides its arms, and how arms may be named."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import model_validator

from ..errors import nearest
from ..files.schema_version import RULE, SCHEMA_VERSION
from ..schema.bounds import Bounds
from ..schema.fields import AS_WHOLE, must, named
from ..schema.violations import broken_at
from ..settings import Settings, Target

LARGEST_SEED = 2**62
"""The tables hold seeds in 64 bits with a sign."""

LONGEST_NAME, LONGEST_TITLE = 200, 1000
"""Characters: a figure has room for no more."""

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Control characters, halves of surrogate pairs and what is no character: XML, and so SVG, has no place for them; and
those that turn the direction of writing, by which one name reads as another."""


def _writable(text: str) -> bool:
    """Return whether `text` can be written on a line of any file."""
    return not UNPRINTABLE.search(text)


def _title(text: str) -> bool:
    return _writable(re.sub("[\t\n]", " ", text)) and len(text) <= LONGEST_TITLE


TITLE_RULE = (
    "a text that UTF-8 can write, without lone surrogates, nor control characters, of at most "
    f"{LONGEST_TITLE:,} characters"
)


class Shared(Settings):
    """A scenario without its arms.

    `schema_version`: the version of what its keys mean, which is the current one unless it is given. `unused`: what
    becomes of a scenario that says something of workers that no arm has, or a fraction that chooses nobody: `refuse`
    it, or `warn`.
    """

    schema_version: Annotated[
        int, Bounds(RULE.removeprefix("must be "), ge=SCHEMA_VERSION, le=SCHEMA_VERSION), AS_WHOLE
    ] = SCHEMA_VERSION
    title: Annotated[str, must(TITLE_RULE, _title)] = ""
    seed: Annotated[int, Bounds(f"a whole number from 0 to {LARGEST_SEED}", ge=0, le=LARGEST_SEED), AS_WHOLE] = 0
    repeats: Annotated[int, Bounds(f"a whole number from 1 to {LARGEST_SEED}", ge=1, le=LARGEST_SEED), AS_WHOLE] = 1
    target: Target | None = None
    unused: Annotated[str, named("way to treat what no arm uses", ("refuse", "warn"))] = "refuse"

    @model_validator(mode="after")
    def _target_is_measured(self) -> Self:
        for measure, goal in self.target or ():
            if goal is None:
                continue
            if not self.measures(measure):
                whose = f"the model '{self.problem.model.name}'" if self.problem else "no problem"
                known = self.problem.measures if self.problem else ()
                if self.problem and self.problem.data:
                    whose = f"problem.data = {self.problem.data.name} with these metrics"
                raise broken_at(("target", measure), goal, f"{whose} has none{nearest(measure, known)}")
            if self.problem and self.problem.measures[measure].better is None:
                rule = "which way is better? say so: problem.metrics: [{name: package.module:function, better: higher}]"
                raise broken_at(("target", measure), goal, rule)
        return self


ARM_RULE = (
    "must be a text without $, [, ], \\, line breaks and surrogates, to stand in tables and figures; nor may it have "
    f"other control characters, or more than {LONGEST_NAME}"
)


def names_an_arm(name: Any) -> bool:
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME:
        return False
    return _writable(name) and not set(name) & set("$[]\\")
