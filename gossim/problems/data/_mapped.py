"""Arrays in an uncompressed file of numpy.savez, mapped into memory: what is not read takes none.

`numpy.load(mmap_mode="r")` maps `.npy` files and passes over the option for `.npz`.
"""

from __future__ import annotations

import math
import zipfile

import numpy as np

PIECE_BYTES = 2**24
LOCAL_HEADER_BYTES = 30
"""Of a member of a zip file, before its name and extra field, whose lengths are the last four of these."""
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def mapped(file: str, name: str) -> np.memmap | None:
    """Return the array of that name, read-only.

    Returns:
        The array; None where it cannot be mapped: it is compressed, empty, or in no format that is known.

    Raises:
        zipfile.BadZipFile: Its checksum is wrong.
    """
    with zipfile.ZipFile(file) as archive:
        member = archive.NameToInfo.get(f"{name}.npy")
        if member is None or member.compress_type != zipfile.ZIP_STORED:
            return None
        with archive.open(member) as content:
            while content.read(PIECE_BYTES):
                pass  # to its end, where the checksum is compared
    with open(file, "rb") as content:
        content.seek(member.header_offset)
        header = content.read(LOCAL_HEADER_BYTES)
        begin = content.tell() + sum(int.from_bytes(header[place : place + 2], "little") for place in (26, 28))
        content.seek(begin)
        read_header = _HEADERS.get(np.lib.format.read_magic(content))
        if read_header is None:
            return None
        shape, by_columns, dtype = read_header(content)
        offset = content.tell()
    if dtype.hasobject or not shape or 0 in shape:
        return None
    if offset + math.prod(shape) * dtype.itemsize > begin + member.file_size:
        return None
    return np.memmap(file, dtype, "r", offset, shape, "F" if by_columns else "C")
