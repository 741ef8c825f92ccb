"""The times of training steps in what profilers write: one file for each rank."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..schema.violations import short
from .csv_columns import Rule, number, read_columns, refuse_pipes

NAMED_STEP = re.compile(r"ProfilerStep#(\d+)")
"""What `torch.profiler.profile.step` writes."""

COLLECTIVES = ("c10d::", "gloo:", "nccl:", "ncclKernel", "ncclDevKernel")
"""How the names of events begin that are communication."""

DURATION = Rule("a number > 0", lambda x: 0 < x < 1e18)
INSTANT = Rule("a finite number", lambda x: abs(x) < 1e21)


class ProfiledStep(NamedTuple):
    """One step of a rank, by the profiler's `number`."""

    number: int
    begins_s: float
    seconds: float


class Profile(NamedTuple):
    """What one file holds: `rank` and `world_size` where it says so, its steps in order, and the name of an event of
    communication inside them, if there is one."""

    file: str
    rank: int | None
    world_size: int | None
    steps: list[ProfiledStep]
    communicates: str | None = None


def read_kineto(file: str) -> Profile:
    """Read what torch.profiler's `export_chrome_trace` or `tensorboard_trace_handler` wrote, `.json` or `.json.gz`.

    Raises:
        InputError: If the file is not that, or has no steps.
    """
    try:
        data = json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: is no JSON: {error}") from None
    found = data.get("traceEvents") if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise InputError(f"{file}: is no trace of PyTorch's profiler: it has no list `traceEvents`")
    events = [event for event in found if isinstance(event, dict) and isinstance(event.get("name"), str)]
    steps = [_step(event, file) for event in events if _is_step(event)]
    if not steps:
        raise InputError(
            f"{file}: has no ProfilerStep# event: give torch.profiler.profile a schedule, and call its step() each step"
        )
    rank, world_size = _place(data, file)
    ordered = in_order(steps, file)
    return Profile(file, rank, world_size, ordered, _communication(events, ordered))


def read_nsys(file: str, name: str) -> Profile:
    """Read the CSV of `nsys stats --report nvtx_pushpop_trace --format csv`, in which a step is a range that is called
    `name`, or `name` and a number.

    Raises:
        InputError: If the file is not that, has no such range, or has those of several threads.
    """
    begins, duration = ("Start (ns)", "Duration (ns)")
    columns, own = (begins, duration, "Name", "PID", "TID"), re.compile(rf":?{re.escape(name)}[\s#_:-]*(\d*)")
    steps, threads, others = [], set(), []
    for line, (begins_ns, lasts_ns, called, *thread) in read_columns(file, columns):
        match = own.fullmatch(called)
        if match is None:
            others.append(called.removeprefix(":"))
            continue
        threads.add(tuple(thread))
        at_ns = number(begins_ns, INSTANT, f"{file}, line {line}: {begins} = ")
        seconds = number(lasts_ns, DURATION, f"{file}, line {line}: {duration} = ") * 1e-9
        steps.append(ProfiledStep(int(match[1]) if match[1] else -1, at_ns * 1e-9, seconds))
    if not steps:
        seen = ", ".join(dict.fromkeys(others[:1000]))
        raise InputError(f"{file}: has no range '{name}'; it has {short(seen)}")
    if len(threads) > 1:
        raise InputError(f"{file}: has ranges '{name}' of {len(threads)} threads: each rank needs a file of its own")
    if len({step.number < 0 for step in steps}) > 1:
        raise InputError(f"{file}: of its ranges '{name}' some are numbered and some are not")
    if steps[0].number < 0:  # in the order of time
        steps = [ProfiledStep(k, *step[1:]) for k, step in enumerate(sorted(steps, key=lambda step: step.begins_s))]
    return Profile(file, None, None, in_order(steps, file))


def in_order(steps: list[ProfiledStep], file: str) -> list[ProfiledStep]:
    """Sort steps by their numbers. No number may occur twice, and no step may begin before the previous one has
    ended.
    """
    steps = sorted(steps)
    for before, after in pairwise(steps):
        if before.number == after.number:
            raise InputError(f"{file}: has step {after.number} twice")
        if after.begins_s < before.begins_s + before.seconds - 1e-6:
            raise InputError(f"{file}: step {after.number} begins before step {before.number} has ended")
    return steps


def by_rank(profiles: Sequence[Profile]) -> list[Profile]:
    """Order profiles by the ranks that the files state, or, if none states one, as they are given.

    Raises:
        InputError: If a rank is there twice, or missing, or only some files say theirs.
    """
    said = [profile for profile in profiles if profile.rank is not None]
    if not said:
        return [profile._replace(rank=place) for place, profile in enumerate(profiles)]
    silent = next((profile.file for profile in profiles if profile.rank is None), None)
    if silent is not None:
        raise InputError(f"{silent}: does not say its rank, and {said[0].file} does")
    files: dict[int, Profile] = {}
    for profile in profiles:
        assert profile.rank is not None
        if profile.rank in files:
            raise InputError(f"{profile.file}: is of rank {profile.rank}, and so is {files[profile.rank].file}")
        files[profile.rank] = profile
    size = max([len(files), *(each.world_size or 0 for each in profiles), max(files) + 1])
    missing = next((rank for rank in range(size) if rank not in files), None)
    if missing is not None:
        raise InputError(f"no file is of rank {missing}, and there are {size} ranks")
    return [files[rank] for rank in range(size)]


def steps_csv(profiles: Sequence[Profile]) -> str:
    """Return a CSV text with the columns `rank`, `step` and `seconds`."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["rank", "step", "seconds"])
    for profile in profiles:
        rows.writerows([profile.rank, step.number, f"{step.seconds:.9g}"] for step in profile.steps)
    return text.getvalue()


def _text(file: str) -> str:
    refuse_pipes(file)
    try:
        content = Path(file).read_bytes()
        return (gzip.decompress(content) if file.endswith(".gz") else content).decode()
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _is_step(event: dict[str, Any]) -> bool:
    """Return whether this is a step as the process saw it. With a GPU, each occurs again in another category."""
    on_gpu = str(event.get("cat", "")).lower().startswith("gpu")
    return event.get("ph") == "X" and not on_gpu and NAMED_STEP.fullmatch(event["name"]) is not None


def _step(event: dict[str, Any], file: str) -> ProfiledStep:
    match = NAMED_STEP.fullmatch(event["name"])
    assert match is not None
    place: Callable[[str], str] = lambda key: f"{file}, {event['name']}: {key} = "  # noqa: E731
    begins_us = number(str(event.get("ts")), INSTANT, place("ts"))
    return ProfiledStep(int(match[1]), begins_us * 1e-6, number(str(event.get("dur")), DURATION, place("dur")) * 1e-6)


def _place(data: dict[str, Any], file: str) -> tuple[int | None, int | None]:
    """Return the rank and the number of ranks, which are known if torch.distributed was initialised."""
    told = data.get("distributedInfo")
    if told is None:
        return None, None
    rank, size = (told.get("rank"), told.get("world_size")) if isinstance(told, dict) else (None, None)
    if type(rank) is not int or type(size) is not int or not 0 <= rank < size:
        raise InputError(f"{file}: distributedInfo = {short(told)}: must say a rank below its world_size")
    return rank, size


def _communication(events: list[dict[str, Any]], steps: list[ProfiledStep]) -> str | None:
    begins_us, ends_us = steps[0].begins_s * 1e6, (steps[-1].begins_s + steps[-1].seconds) * 1e6
    for event in events:
        at_us = event.get("ts")
        inside = isinstance(at_us, int | float) and begins_us <= at_us < ends_us
        if inside and event["name"].startswith(COLLECTIVES):
            return str(event["name"])
    return None
