"""A broken bound in words, wherever in a type it stands."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field

from gossim.schema.bounds import Bounds
from gossim.schema.fields import AS_TUPLE, AS_WHOLE, Count, Counts, Frozen, Probability, Quantity, Timeout, number_or
from gossim.schema.violations import violations


class Inner(Frozen):
    share: Probability = 0.0


class Section(Frozen):
    plain: Annotated[float, Field(gt=0.5)] = 1.0
    count: Count = 1
    even: Annotated[int, Bounds("an even number >= 2", ge=2, multiple_of=2), AS_WHOLE] = 2
    timeout_s: Timeout | None = None
    each: Counts = ()
    nested: Annotated[tuple[Counts, ...], AS_TUPLE] = ()
    either: number_or(Quantity, Inner) = 0.0  # type: ignore[valid-type]
    several: Quantity | tuple[Annotated[float, Bounds("> 0", gt=0)], ...] = 0.0


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("plain", 0.5, "plain = 0.5: must be > 0.5"),
        ("count", 0, "count = 0: must be a whole number >= 1"),
        ("count", 1.5, "count = 1.5: must be a whole number"),
        ("count", 2**63, "count = 9223372036854775808: must be at most 2**62"),
        ("even", 3, "even = 3: must be an even number >= 2"),
        ("even", 1e3 + 1, "even = 1001: must be an even number >= 2"),
        ("timeout_s", -1.0, "timeout_s = -1.0: must be > 0"),
        ("timeout_s", 1e-12, "timeout_s = 1.0e-12: must be >= 1e-9, a nanosecond"),
        ("timeout_s", 1e101, "timeout_s = 1.0e+101: must be at most 1e100"),
        ("timeout_s", float("inf"), "timeout_s = .inf: must be finite"),
        ("each", [1, 0], "each.1 = 0: must be a whole number >= 1"),
        ("nested", [[1], [1, 0]], "nested.1.1 = 0: must be a whole number >= 1"),
        ("either", -1, "either = -1: must be >= 0"),
        ("either", {"share": 2}, "either.share = 2: must be in [0, 1]"),
    ],
)
def test_a_broken_bound_is_reported_with_its_rule(key: str, value: Any, told: str) -> None:
    assert [str(each) for each in violations(Section, {key: value})] == [told]


def test_of_two_types_the_rule_is_that_of_the_one_that_was_tried() -> None:
    told = [str(each) for each in violations(Section, {"several": (-1.0,)})]
    assert "several.0 = -1.0: must be > 0" in told


@pytest.mark.parametrize("number", [-1, 0, 0.5, 1, 2, 3, 4, 5])
def test_bounds_hold_where_pydantic_takes_the_number(number: float) -> None:
    for limits in ({"gt": 1}, {"ge": 1}, {"lt": 2}, {"le": 2}, {"gt": 0, "le": 4}, {"multiple_of": 2}):
        bounds = Bounds("told", **limits)
        model = type("Model", (Frozen,), {"__annotations__": {"x": Annotated[float, bounds]}})
        assert bounds.hold(number) == (not violations(model, {"x": number}))
