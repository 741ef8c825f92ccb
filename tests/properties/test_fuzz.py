"""A few cases of the fuzzer each time; `make fuzz` runs it for as long as one likes."""

from __future__ import annotations

import pytest

from support.fuzz import KINDS, run_case


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_fuzzed_scenarios_run_or_are_refused(kind: str) -> None:
    outcomes = [run_case(kind, 0, number) for number in range(8 if kind == "valid" else 40)]
    assert [outcome.fault for outcome in outcomes if outcome.fault] == []
    assert len({outcome.how for outcome in outcomes}) > 1  # not all of them refused
