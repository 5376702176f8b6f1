"""A bounds-checked cursor over the header of an untrusted binary file.

It keeps what it has read, at most `MAX_HEADER_BYTES`, and never allocates a number of bytes that the file
merely claims. It knows little-endian numbers and length-prefixed strings, not what they mean.
"""

import struct
from typing import BinaryIO

from scheduler_core.errors import ModelError

MAX_HEADER_BYTES = 64 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024
_LENGTH = struct.Struct("<Q")


class Cursor:
    """Reads forward from the start of a file.

    Args:
        file: open for reading bytes, at position 0.
        size: bytes in the file.
        name: how errors call the file.
    """

    def __init__(self, file: BinaryIO, *, size: int, name: str) -> None:
        self.size = size
        self.position = 0
        self._file = file
        self._name = name
        self._buffer = bytearray()

    @property
    def remaining(self) -> int:
        return self.size - self.position

    def number(self, form: str) -> int | float | bool:
        """One number in `struct` format `form`, little-endian."""
        size = struct.calcsize(form)
        self._require(size)
        value: int | float | bool = struct.unpack_from(form, self._buffer, self.position)[0]
        self.position += size
        return value

    def u32(self) -> int:
        return int(self.number("<I"))

    def u64(self) -> int:
        return int(self.number("<Q"))

    def string(self, *, limit: int) -> str:
        """A string of at most `limit` bytes; bytes that are not UTF-8 are replaced."""
        length = self.u64()
        if length > limit:
            raise self.absurd(f"a text of {length:,} bytes where at most {limit:,} make sense")
        self._require(length)
        start, self.position = self.position, self.position + length
        return self._buffer[start : self.position].decode("utf-8", "replace")

    def skip(self, count: int) -> None:
        self._require(count)
        self.position += count

    def skip_strings(self, count: int) -> None:
        """Passes over `count` strings; vocabularies hold hundreds of thousands, hence the tight loop."""
        position, buffer, unpack = self.position, self._buffer, _LENGTH.unpack_from
        for _ in range(count):
            if position + 8 > len(buffer):
                self.position = position
                self._require(8)
            length = unpack(buffer, position)[0]
            position += 8
            if position + length > len(buffer):
                self.position = position
                self._require(length)
            position += length
        self.position = position

    def absurd(self, what: str) -> ModelError:
        return ModelError(
            f"The header of {self._name} holds an impossible value: {what}.",
            "The file is damaged; download it again.",
        )

    def _require(self, count: int) -> None:
        end = self.position + count
        if end <= len(self._buffer):
            return
        if end > self.size:
            raise self.cut()
        if end > MAX_HEADER_BYTES:
            raise self.absurd(f"a header of more than {MAX_HEADER_BYTES // 2**20} MiB")
        while len(self._buffer) < end:
            block = self._file.read(_BLOCK_BYTES)
            if not block:
                raise self.cut()
            self._buffer += block

    def cut(self) -> ModelError:
        return ModelError(
            f"The header of {self._name} is cut off: the file ends after {self.size:,} bytes.",
            "Download the file again.",
        )
