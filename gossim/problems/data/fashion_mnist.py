"""Grey images of clothes, 28 × 28 pixels."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from ...errors import InputError
from ._base import Dataset, DataSpec

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist has it."""


class FashionMNIST(DataSpec):
    """70,000 images of clothes, 28 × 28 pixels in 10 classes: 60,000 to train on, 10,000 to test.

    Read from the idx files, packed by gzip or not, under `directory`, or of Debian's package dataset-fashion-mnist, or
    fetched once into the user's cache. With `channels: 3` each channel holds the same grey image. Source: Xiao, Rasul,
    Vollgraf 2017, arXiv:1708.07747.
    """

    URL: ClassVar[str] = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
    FILES: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
    }
    """With the MD5 of each as it is published, packed by gzip."""

    classes: ClassVar[int] = 10
    train_samples: ClassVar[int] = 60_000
    name: Literal["fashion_mnist"] = "fashion_mnist"
    directory: str | None = None
    channels: Literal[1, 3] = 1

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels, 28, 28)

    def load(self) -> Dataset:
        train_x, train_y, test_x, test_y = (read_idx(self._file(name)) for name in self.FILES)
        if len(train_x) != self.train_samples or len(test_x) != 10_000:
            raise InputError(
                f"problem.data = fashion_mnist: {len(train_x):,} and {len(test_x):,} images, and the set has 60,000 to "
                "train on and 10,000 to test; other images of yours: npz"
            )
        return Dataset(self._scaled(train_x), _labels(train_y), self._scaled(test_x), _labels(test_y), self.classes)

    def _file(self, name: str) -> Path:
        folder = DEBIAN if self.directory is None else Path(self.directory)
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
        if self.directory is None:
            return self._fetched(name)
        raise InputError(f"problem.data.directory = {self.directory!r}: does not hold {name} or {name}.gz")

    def _fetched(self, name: str) -> Path:
        import pooch

        url, folder = f"{self.URL}/{name}.gz", pooch.os_cache("gossim") / "fashion-mnist"
        try:
            return Path(pooch.retrieve(url, f"md5:{self.FILES[name]}", fname=f"{name}.gz", path=folder))
        except (OSError, ValueError) as error:
            raise InputError(
                f"problem.data = fashion_mnist: is not on this machine, and {url} could not be fetched "
                f"({type(error).__name__}); install Debian's package dataset-fashion-mnist, or set "
                "problem.data.directory to the folder that holds its idx files"
            ) from None

    def _scaled(self, images: np.ndarray) -> np.ndarray:
        """Return the images `(n, channels, 28, 28)` scaled to [0, 1]."""
        grey = images.reshape(-1, 1, 28, 28).astype(np.float32) / 255
        return np.repeat(grey, self.channels, axis=1)


def _labels(labels: np.ndarray) -> np.ndarray:
    return labels.astype(np.int64)


def read_idx(path: Path) -> np.ndarray:
    """Return the bytes of one idx file, `(n, ...)`, uint8, as the MNIST database has them.

    Two bytes of 0, 8 for unsigned bytes, the number of axes, the size of each in four bytes, largest first, the values.

    Raises:
        InputError: It is no such file, or shorter or longer than it says.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            content = file.read()
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    axes = content[3] if len(content) > 3 else 0
    if content[:3] != b"\x00\x00\x08" or not axes or len(content) < 4 + 4 * axes:
        raise InputError(f"{path}: is no idx file of unsigned bytes")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", axes, offset=4))
    if len(content) != 4 + 4 * axes + math.prod(shape):
        raise InputError(f"{path}: {len(content):,} bytes, and its header says {shape}")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
