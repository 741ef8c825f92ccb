"""Processes that this one did not begin, on this machine or on others, to which work is given."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, Self

from ..errors import InputError
from ..scenario.scenario import Scenario
from .identity import Identity, told_changes
from .process_pool import Given, Name, Outcome


class Elsewhere(Protocol):
    """Processes on a cluster. `slots`: how many tasks run at a time."""

    slots: int

    def ended(
        self, work: Callable[[Given], Outcome], given: Mapping[Name, Given], on_gpu: bool
    ) -> Generator[dict[Name, Outcome], None, None]:
        """Do `work` with all that is `given`, each on a core, and on a GPU if it is to be.

        Yields:
            What has ended since the last time, by name; nothing at a heartbeat.

        Raises:
            RunError: If too many processes are lost.
        """


class Home(NamedTuple):
    """What a process elsewhere has to know of this one.

    `identity` and `device` are what its results have to be computed with; `directory` and `path` are where files and
    modules lie; `command` is for the manifest.
    """

    identity: Identity
    device: str
    directory: str
    path: list[str]
    command: list[str]

    @classmethod
    def of(cls, identity: Identity, device: str) -> Self:
        """That of this process, for work with `identity` on that kind of device."""
        directory = os.getcwd()
        return cls(identity, device, directory, [folder or directory for folder in sys.path], sys.argv)

    def enter(self) -> None:
        """Read files and modules from where they are read there, as far as this machine has those folders."""
        if os.path.isdir(self.directory):
            os.chdir(self.directory)
        sys.path += [folder for folder in self.path if folder not in sys.path and os.path.exists(folder)]
        sys.argv = list(self.command)

    def refuse_other(self, identity: Identity, device: str) -> None:
        """Raise InputError unless the results are those of the process that gave the work."""
        changes = identity.changes(self.identity)
        if device not in (self.device, "none"):
            changes.append(f"device was {self.device} and is {device}")
        if changes:
            raise InputError(f"{platform.node()} differs from the machine of the command: {told_changes(changes)}")


def device_of(scenario: Scenario) -> str:
    """The kind of device on which the scenario runs, `cuda` if an arm does. torch is imported only if it has to be
    asked."""
    asked = {arm.device for arm in scenario.arms.values() if arm.problem is not None}
    if "cuda" in asked:
        return "cuda"
    if "auto" in asked and Path("/dev/nvidiactl").exists():
        from ..problems.build import device_named

        return device_named("auto").type
    return "cpu"
