"""Reads the header of a GGUF model file and refuses files that would harm the process loading them.

The native loader aborts the process on many malformed files and answers with nothing on truncated ones, so
everything it relies on is checked here first, in Python. No tensor data is read. A file that passes can
still be useless; it is only known to be complete, coherent and of a kind that gpt4all 2.8.2 runs.
"""

import os
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from scheduler_core.errors import ModelError
from scheduler_core.llm.gguf_cursor import Cursor
from scheduler_core.llm.gguf_types import (
    ARRAY,
    EMBEDDING_ARCHITECTURES,
    FILE_TYPES,
    FLOAT32,
    INT32,
    NEWER_TENSOR_TYPES,
    SCALARS,
    STRING,
    TENSOR_TYPES,
    TEXT_ARCHITECTURES,
    UINT32,
)

MAX_TENSORS = 65_536
MAX_METADATA = 65_536
_MAX_NAME_BYTES = 65_535
_MAX_TEXT_BYTES = 16 * 1024 * 1024
_MAX_BLOCKS = 512
_MOST_ELEMENTS = 4_194_304
_AGAIN = "The file is damaged or incomplete; download it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a model file says about itself.

    Attributes:
        name: `general.name` without control characters, or the empty text.
        quantisation: `general.file_type` if given, else the type of most elements.
        parameters: elements in all tensors.
        context_tokens: what the model was trained for.
        chat_template: the file's Jinja template, or the empty text.
        vocabulary: number of tokens.
        cache_bytes_per_token: estimate of what each token of context adds to memory.
        embedding_length: width of the model, and the length of an embedding model's vectors.
    """

    version: int
    architecture: str
    name: str
    quantisation: str
    parameters: int
    context_tokens: int
    block_count: int
    chat_template: str
    vocabulary: int
    tensor_count: int
    file_bytes: int
    cache_bytes_per_token: int
    embedding_length: int
    is_embedding: bool


@dataclass(frozen=True, slots=True)
class _Array:
    """An array's element type and length; its elements are not kept."""

    kind: int
    count: int


@dataclass(frozen=True, slots=True)
class _Scalar:
    kind: int
    value: int | float | str


_Metadata = dict[str, _Scalar | _Array]


def read_header(path: Path) -> Header:
    """Reads and checks a file's header.

    Raises:
        ModelError: the file cannot be read or must not be loaded; the title says why in one sentence.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelError(f"{path.name} is not a regular file.", "Name a GGUF file.")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            _check_start(file, size=size, name=path.name)
            return _Parser(Cursor(file, size=size, name=path.name), path.name).parse()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ModelError(f"{path.name} cannot be read: {reason}.", "Check path and permissions.") from error
    except ValueError as error:
        raise ModelError(f"{path.name!r} is not a usable file name.", "Rename the file.") from error


def _check_start(file: BinaryIO, *, size: int, name: str) -> None:
    if size == 0:
        raise ModelError(f"{name} is empty.", "Download the file again.")
    start = file.read(512)
    file.seek(0)
    if start[:4] == b"GGUF":
        return
    lowered = start.lstrip().lower()
    if lowered.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise ModelError(
            f"{name} is a web page, not a model.", "The download was answered by a page; try again."
        )
    if start.startswith(b"version https://git-lfs"):
        raise ModelError(
            f"{name} is a Git LFS pointer, not the model itself.", "Fetch it with `git lfs pull`."
        )
    if start[:4] in (b"lmgg", b"fmgg", b"tjgg", b"algg"):
        raise ModelError(f"{name} is in the older GGML format.", "Use a GGUF version of this model.")
    raise ModelError(f"{name} is not a GGUF file.", "Only GGUF models can be used.")


class _Parser:
    """One pass over one header."""

    def __init__(self, cursor: Cursor, name: str) -> None:
        self._cursor = cursor
        self._name = name
        self._metadata: _Metadata = {}

    def parse(self) -> Header:
        cursor = self._cursor
        cursor.skip(4)
        version = self._version()
        tensor_count, metadata_count = cursor.u64(), cursor.u64()
        if tensor_count > MAX_TENSORS:
            raise cursor.absurd(f"{tensor_count:,} tensors")
        if metadata_count > MAX_METADATA:
            raise cursor.absurd(f"{metadata_count:,} metadata entries")
        for _ in range(metadata_count):
            self._read_entry()
        architecture = self._architecture()
        tensors = _Tensors(cursor, self._name)
        for _ in range(tensor_count):
            tensors.read()
        tensors.check_extent(alignment=self._alignment())
        return self._header(version, architecture, tensors)

    def _version(self) -> int:
        version = self._cursor.u32()
        if version and version & 0xFFFF == 0:
            raise ModelError(f"{self._name} is big-endian.", "Use a little-endian version of this model.")
        if version not in (2, 3):
            raise ModelError(
                f"{self._name} has GGUF version {version}; only 2 and 3 are supported.",
                "Use another version of this model.",
            )
        return version

    def _read_entry(self) -> None:
        cursor = self._cursor
        key = cursor.string(limit=_MAX_NAME_BYTES)
        kind = cursor.u32()
        if key in self._metadata:
            raise cursor.absurd("the same metadata key twice")
        if kind == STRING:
            self._metadata[key] = _Scalar(kind, cursor.string(limit=_MAX_TEXT_BYTES))
        elif kind == ARRAY:
            self._metadata[key] = self._read_array()
        elif kind in SCALARS:
            self._metadata[key] = _Scalar(kind, cursor.number(SCALARS[kind][0]))
        else:
            raise cursor.absurd(f"metadata of type {kind}")

    def _read_array(self) -> _Array:
        cursor = self._cursor
        kind, count = cursor.u32(), cursor.u64()
        if kind != STRING and kind not in SCALARS:
            raise cursor.absurd(f"an array of type {kind}")
        width = 8 if kind == STRING else SCALARS[kind][1]
        if count * width > cursor.remaining:
            if count <= _MOST_ELEMENTS:
                raise cursor.cut()
            raise cursor.absurd(f"an array of {count:,} elements in the {cursor.remaining:,} bytes left")
        if kind == STRING:
            cursor.skip_strings(count)
        else:
            cursor.skip(count * width)
        return _Array(kind, count)

    def _architecture(self) -> str:
        architecture = self._text("general.architecture")
        if architecture in TEXT_ARCHITECTURES or architecture in EMBEDDING_ARCHITECTURES:
            return architecture
        shown = _printable(architecture, 40) or "(none)"
        raise ModelError(
            f"The architecture {shown} of {self._name} is not supported by gpt4all 2.8.2.",
            "Supported: " + ", ".join(sorted(TEXT_ARCHITECTURES | EMBEDDING_ARCHITECTURES)) + ".",
        )

    def _alignment(self) -> int:
        alignment = self._integer("general.alignment", default=32, low=1, high=65_536)
        entry = self._metadata.get("general.alignment")
        if alignment & (alignment - 1) or (isinstance(entry, _Scalar) and entry.kind != UINT32):
            raise self._cursor.absurd(f"an alignment of {alignment}")
        return alignment

    def _header(self, version: int, architecture: str, tensors: "_Tensors") -> Header:
        if self._integer("split.count", default=0, low=0, high=65_535) > 1:
            raise ModelError(f"{self._name} is one part of a split model.", "Merge the parts into one file.")
        vocabulary = self._vocabulary(tensors)
        blocks = self._integer(f"{architecture}.block_count", low=1, high=_MAX_BLOCKS)
        file_type = self._integer("general.file_type", default=-1, low=0, high=2**32)
        return Header(
            version=version,
            architecture=architecture,
            name=_printable(self._text("general.name"), 200),
            quantisation=FILE_TYPES.get(file_type, tensors.main_type()),
            parameters=tensors.elements,
            context_tokens=self._integer(f"{architecture}.context_length", low=1, high=2**31 - 1),
            block_count=blocks,
            chat_template=self._text("tokenizer.chat_template"),
            vocabulary=vocabulary,
            tensor_count=len(tensors.shapes),
            file_bytes=self._cursor.size,
            cache_bytes_per_token=self._cache_bytes(architecture, blocks),
            embedding_length=self._width(architecture),
            is_embedding=architecture in EMBEDDING_ARCHITECTURES,
        )

    def _vocabulary(self, tensors: "_Tensors") -> int:
        """The token list must agree with its companions and with the embedding matrix."""
        tokens = self._metadata.get("tokenizer.ggml.tokens")
        if not isinstance(tokens, _Array) or tokens.kind != STRING or not tokens.count:
            raise ModelError(f"{self._name} has no vocabulary.", _AGAIN)
        for key, kind in (("scores", FLOAT32), ("token_type", INT32)):
            other = self._metadata.get(f"tokenizer.ggml.{key}")
            if other is not None and other != _Array(kind, tokens.count):
                raise self._cursor.absurd(f"tokenizer.ggml.{key} does not match the vocabulary")
        shape = tensors.shapes.get("token_embd.weight")
        if shape is None:
            raise ModelError(f"{self._name} has no token embeddings.", "It is not a complete language model.")
        if len(shape) != 2 or shape[1] != tokens.count:
            raise self._cursor.absurd(f"{tokens.count:,} tokens do not match the embedding matrix")
        for key in ("bos", "eos"):
            token = self._integer(f"tokenizer.ggml.{key}_token_id", default=0, low=0, high=2**32 - 1)
            if token >= tokens.count and token != 2**32 - 1:
                raise self._cursor.absurd(f"{key} token {token} of {tokens.count:,}")
        return tokens.count

    def _cache_bytes(self, architecture: str, blocks: int) -> int:
        """Two 16-bit vectors (key and value) a block."""
        width = self._width(architecture)
        heads = self._first_integer(f"{architecture}.attention.head_count", default=1)
        shared = self._first_integer(f"{architecture}.attention.head_count_kv", default=heads)
        default = max(1, width // heads)
        sides = [
            self._integer(f"{architecture}.attention.{side}_length", default=default, low=1, high=2**20)
            for side in ("key", "value")
        ]
        return 2 * blocks * min(shared, heads) * sum(sides)

    def _width(self, architecture: str) -> int:
        return self._integer(f"{architecture}.embedding_length", low=1, high=2**20)

    def _first_integer(self, key: str, *, default: int) -> int:
        """A count that some architectures give as an array, one for each block; then the default stands."""
        if isinstance(self._metadata.get(key), _Array):
            return default
        return self._integer(key, default=default, low=1, high=65_536)

    def _text(self, key: str) -> str:
        entry = self._metadata.get(key)
        if entry is None:
            return ""
        if isinstance(entry, _Scalar) and isinstance(entry.value, str):
            return entry.value
        raise self._cursor.absurd(f"{key} is not a text")

    def _integer(self, key: str, *, low: int, high: int, default: int | None = None) -> int:
        entry = self._metadata.get(key)
        if entry is None:
            if default is None:
                raise ModelError(f"{self._name} does not say its {key}.", _AGAIN)
            return default
        if not isinstance(entry, _Scalar) or isinstance(entry.value, str | float | bool):
            raise self._cursor.absurd(f"{key} is not a whole number")
        if not low <= entry.value <= high:
            raise self._cursor.absurd(f"{key} is {entry.value}")
        return entry.value


class _Tensors:
    """The tensor list: shapes, and the farthest byte that any of them needs."""

    def __init__(self, cursor: Cursor, name: str) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.elements = 0
        self._cursor = cursor
        self._name = name
        self._offsets: list[int] = []
        self._end = 0
        self._by_type: Counter[str] = Counter()

    def read(self) -> None:
        cursor = self._cursor
        name = cursor.string(limit=_MAX_NAME_BYTES)
        rank = cursor.u32()
        if name in self.shapes:
            raise cursor.absurd("the same tensor twice")
        if not 1 <= rank <= 4:
            raise cursor.absurd(f"a tensor of {rank} dimensions")
        shape = tuple(cursor.u64() for _ in range(rank))
        kind, offset = cursor.u32(), cursor.u64()
        if kind not in TENSOR_TYPES:
            raise self._unknown_type(kind)
        form = TENSOR_TYPES[kind]
        elements = 1
        for side in shape:
            elements *= side
        if not 0 < elements < 2**48 or shape[0] % form.block:
            raise cursor.absurd(f"a tensor of {' by '.join(f'{side:,}' for side in shape)} elements")
        self.shapes[name] = shape
        self.elements += elements
        self._by_type[form.name] += elements
        self._offsets.append(offset)
        self._end = max(self._end, offset + elements // form.block * form.size)

    def check_extent(self, *, alignment: int) -> None:
        """Every tensor lies aligned and inside the file."""
        if any(offset % alignment for offset in self._offsets):
            raise self._cursor.absurd("a tensor that is not aligned")
        start = -(-self._cursor.position // alignment) * alignment
        missing = start + self._end - self._cursor.size
        if missing > 0:
            raise ModelError(
                f"{self._name} is incomplete: {missing:,} bytes missing of {start + self._end:,}.",
                "Download the file again.",
            )

    def main_type(self) -> str:
        return self._by_type.most_common(1)[0][0] if self._by_type else "unknown"

    def _unknown_type(self, kind: int) -> ModelError:
        known = NEWER_TENSOR_TYPES.get(kind)
        title = (
            f"{self._name} uses the quantisation {known}, which gpt4all 2.8.2 cannot run."
            if known
            else f"{self._name} uses an unknown quantisation (type {kind})."
        )
        return ModelError(title, "Use a Q4_0, Q4_K_M, Q5_K_M or Q8_0 version of this model.")


def _printable(text: str, limit: int) -> str:
    return "".join(character for character in text if character.isprintable())[:limit].strip()
