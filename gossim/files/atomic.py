"""Files that are written whole or not at all, and together."""

from __future__ import annotations

import os
import re
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DRAFT = re.compile(r"\.[a-z_]+-[a-z0-9_]{8}\.(html|json|parquet|pdf|png|svg|yaml)")
"""The name of a draft that `whole` makes of the files of a run or a sweep: a kill leaves it behind."""


@contextmanager
def whole(path: Path, lasting: bool = False) -> Iterator[Path]:
    """Yield a path beside `path` to write to. It replaces `path` if the block succeeds, and is removed otherwise.

    A process that is killed leaves the one file or the other. Where the power fails, the name may already be that of
    the new file while its content is still in memory: a `lasting` file is on the disk before it takes the place.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(descriptor)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o666 & ~_umask())
        if lasting:
            to_disk(draft)
        draft.replace(path)
        if lasting and os.name == "posix":  # elsewhere a folder cannot be opened
            to_disk(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Wait until what is in that file or folder would outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def drafts(folder: Path) -> list[Path]:
    """List the drafts in `folder`. They may be deleted if no process is writing there."""
    return [path for path in folder.iterdir() if DRAFT.fullmatch(path.name) and stat.S_ISREG(path.lstat().st_mode)]


def write_text(path: Path, text: str, lasting: bool = False) -> None:
    """Write `text` to `path` as `whole` does."""
    with whole(path, lasting) as draft:
        draft.write_text(text, encoding="utf-8")


ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that ask a process to end; Windows has no SIGHUP."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C inside the block and defer SIGTERM and SIGHUP to its end. The block is short and leaves files that
    belong together.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told: list[int] = []
    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            before[number] = signal.signal(number, lambda number, _: told.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if told:
            signal.raise_signal(told[0])


_asking = threading.Lock()


def _umask() -> int:
    with _asking:  # two threads that asked at once would leave it at 0
        mask = os.umask(0)
        os.umask(mask)
    return mask
