"""Metrics: what is measured of the mean model beside the loss, in which unit, and which way is better."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, model_serializer, model_validator

from ..errors import nearest
from ..schema.fields import Frozen
from ..schema.violations import broken_at
from .task import Task

Better = Literal["lower", "higher"]


class Measure(NamedTuple):
    """A column of `probes`: its unit, or an empty text, and which way is better, or None if unknown."""

    unit: str
    better: Better | None


class BuiltIn(NamedTuple):
    """A built-in metric and the tasks that have it."""

    measure: Measure
    tasks: tuple[Task, ...]


METRICS: dict[str, BuiltIn] = {
    "accuracy": BuiltIn(Measure("", "higher"), ("classification", "tokens")),
    "perplexity": BuiltIn(Measure("", "lower"), ("classification", "tokens")),
    "rmse": BuiltIn(Measure("", "lower"), ("regression",)),
    "r2": BuiltIn(Measure("", "higher"), ("regression",)),
}
"""Every built-in metric by the name that scenarios use; `problems.meters` computes them."""

METRICS_OF: dict[Task, tuple[str, ...]] = {
    "classification": ("accuracy",),
    "tokens": ("perplexity",),
    "regression": ("rmse",),
}
"""What is measured unless the scenario says what."""


class Metric(Frozen):
    """A metric of the mean model over the test samples: the column `test_<name>` of `probes`, and of your own
    `package.module:function` the column `test_<function>`.

    A function `f(outputs, targets)` gets all evaluated samples at once and returns a number. `better` says which way
    it is better, `lower` or `higher`, without which it can be no target; `unit` is for figures. gossim's own have both.
    """

    name: str
    better: Better | None = None
    unit: str = ""

    @model_validator(mode="after")
    def _known(self) -> Metric:
        if ":" not in self.name:
            if self.name not in METRICS:
                raise broken_at(("name",), self.name, f"unknown metric{nearest(self.name, METRICS)}")
            for key in ("better", "unit"):
                if getattr(self, key):
                    raise broken_at((key,), getattr(self, key), f"is known of '{self.name}'; leave it out")
        elif not self.function.isidentifier():
            raise broken_at(("name",), self.name, "must be package.module:function")
        elif self.function in (*METRICS, "loss"):
            rule = f"its column would be {self.column}, which is another measure's; call the function something else"
            raise broken_at(("name",), self.name, rule)
        return self

    @model_serializer
    def _short(self) -> Any:
        """Return only the name if nothing else is set."""
        more = {key: value for key in ("better", "unit") if (value := getattr(self, key))}
        return {"name": self.name, **more} if more else self.name

    @property
    def function(self) -> str:
        return self.name.rpartition(":")[2]

    @property
    def column(self) -> str:
        return f"test_{self.function}"

    @property
    def measure(self) -> Measure:
        return METRICS[self.name].measure if self.name in METRICS else Measure(self.unit, self.better)


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


AnyMetric = Annotated[Metric, BeforeValidator(_named, json_schema_input_type=Metric | str)]
