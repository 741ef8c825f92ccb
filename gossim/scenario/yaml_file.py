"""Files that hold scenarios and sweeps: YAML 1.2, in UTF-8, no larger than anybody writes."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import yaml

from ..errors import ScenarioError
from ..files import yaml12


def read(path: str | Path) -> Any:
    """Read a YAML file, without checking that it is a scenario.

    Raises:
        ScenarioError: If it cannot be read or is not YAML.
    """
    try:
        return yaml12.read(_text(Path(path)))
    except OSError as error:
        raise ScenarioError(str(path), [f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:  # of what is read; a path may be in any encoding
        raise ScenarioError(str(path), ["is not a text in UTF-8"]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ScenarioError(str(path), [f"{place}not valid YAML: {error.problem}"]) from None
    except yaml.YAMLError as error:
        raise ScenarioError(str(path), [f"not valid YAML: {' '.join(str(error).split())}"]) from None


def _text(path: Path) -> str:
    """Return the text of an ordinary file; a pipe may never end.

    Raises:
        OSError, UnicodeDecodeError, yaml.YAMLError: If it has none.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as file:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise yaml.YAMLError("it is no ordinary file")
        content = file.read(4 * yaml12.LARGEST_TEXT + 1)  # of four bytes each at most
    if len(content) > 4 * yaml12.LARGEST_TEXT:
        raise yaml.YAMLError(f"it is larger than {4 * yaml12.LARGEST_TEXT:,} bytes")
    return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
