"""`gossim lab` and `gossim.lab` where they cannot serve a page."""

from __future__ import annotations

import sys

import pytest

import gossim
from support.commands import gossim_command


def test_without_the_extra_it_is_named_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "panel", None)
    ended = gossim_command("lab", "scenarios/straggler.yaml", "--no-open")
    assert ended.returncode == 2
    assert ended.stderr == "error: gossim lab needs the package panel: pip install 'gossim[lab]'\n"
    with pytest.raises(gossim.InputError, match=r"pip install 'gossim\[lab\]'"):
        gossim.lab("scenarios/straggler.yaml")


def test_a_port_that_is_none_is_refused() -> None:
    ended = gossim_command("lab", "scenarios/straggler.yaml", "--port", "70000", "--no-open")
    assert ended.returncode == 2
    assert "Invalid value for '--port'" in ended.stderr
