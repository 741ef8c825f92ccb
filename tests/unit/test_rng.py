"""Named streams: one and the same, however they are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from gossim.rng import (
    FIRST_BLOCK,
    GROWTH,
    LARGEST_BLOCK,
    Blocks,
    Draw,
    PeerRandom,
    Purpose,
    in_blocks,
    stream,
    uniform,
)

DRAWS: dict[str, Draw] = {
    "uniform": uniform,
    "rejection": lambda generator, count: generator.gamma(0.5, size=count),
    "32 bits at a time": lambda generator, count: generator.integers(7, size=count, dtype=np.int32),
    "an odd number of 32 bits": lambda generator, count: generator.integers(7, size=count + 1, dtype=np.int32)[1:],
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_a_block_goes_on_where_the_last_one_ended(draw: Draw) -> None:
    """Though nothing but the generator's state is kept between them."""
    blocks, generator, size = Blocks(3, Purpose.PEERS, 5), stream(3, Purpose.PEERS, 5), FIRST_BLOCK
    for _ in range(6):
        block = blocks.take(draw)
        assert block.dtype == np.float64
        np.testing.assert_array_equal(block, draw(generator, size))
        size = min(size * GROWTH, LARGEST_BLOCK)


@pytest.mark.parametrize("other", [(4, Purpose.PEERS, 5), (3, Purpose.DATA, 5), (3, Purpose.PEERS, 6)])
def test_streams_differ_by_every_part_of_their_names(other: tuple[int, Purpose, int]) -> None:
    assert not np.isin(Blocks(3, Purpose.PEERS, 5).take(uniform), Blocks(*other).take(uniform)).any()


def test_numbers_that_were_looked_at_are_still_to_come() -> None:
    own, numbers = PeerRandom(3, 5), in_blocks(uniform, 3, Purpose.PEERS, 5)
    seen: list[float] = []
    below = 0.05
    while len(seen) < 5 * LARGEST_BLOCK:
        until, found = own.ahead_until(below)
        assert own.ahead_until(below) == (until, found)
        seen += [next(numbers) for _ in range(until)]
        assert [number for number in seen[-until:] if number < below] == seen[-1:] * found
        own.skip(until)
        assert own.random() == next(numbers)
