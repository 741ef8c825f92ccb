"""One kill of each kind; `make kill` does many, at random."""

from __future__ import annotations

import pytest

from support.kills import Field, Kill

KILLS = [
    Kill("run", 1, "moment", 0.5, False),
    Kill("run", 2, "moment", 0.6, False),
    Kill("run", 2, "moment", 0.6, True),
    Kill("run", 1, "start", 0.5, False),
    Kill("run", 1, "end", 0.5, False),
    Kill("run", 1, "rename", 3, False),
    Kill("run", 1, "rename", 14, False),
    Kill("run", 1, "rename", 30, False),
    Kill("run", 1, "checkpoint", 2, False),
    Kill("sweep", 1, "moment", 0.5, False),
    Kill("sweep", 2, "moment", 0.6, False),
]


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Field:
    return Field(tmp_path_factory.mktemp("kills"), steps=4000)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(KILLS)), ids=["-".join(map(str, kill)) for kill in KILLS])
def test_a_killed_one_goes_on_to_the_same_bytes(number: int, field: Field) -> None:
    field.check(KILLS[number], number)
