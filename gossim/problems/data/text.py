"""A text of the user's, byte by byte."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from ._arrays import file_version, refuse_unreadable
from ._base import Dataset
from ._bytes import BytesSpec, windows


class Text(BytesSpec):
    """A file, cut into samples of `context` bytes, each a token from 0 to 255; the model predicts the next byte.

    The last fifth of the bytes is held out. Each part is cut from its beginning into samples that do not overlap, so
    that every byte but the first is a target once; what is too short for a sample at its end is left out.
    """

    name: Literal["text"] = "text"
    file: str
    KEY: ClassVar[str] = "problem.data.file"

    def version(self) -> object:
        return file_version(self.file)

    def load(self) -> Dataset:
        refuse_unreadable(self.file)
        return windows(self.file, np.fromfile(self.file, dtype=np.uint8), self.context)
