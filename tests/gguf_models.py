"""Tiny GGUF models for tests, made on the spot: no downloads, half a megabyte, loaded in milliseconds.

`scripted` writes a llama model whose answer to any prompt is decided beforehand: under greedy decoding the
script of the last listed keyword that occurs in the prompt, or the script under None; then the end of text.
Keywords are exact, case-sensitive substrings of instructions or data.

How it works: the vocabulary has a token for each byte, the prefixes of each keyword (so that merging yields
one token for a keyword) and a token for each few characters of each script. One attention head lets keyword
tokens write a route into the residual, and the output matrix maps a piece to the next piece and a route to
its first piece. The feed-forward network is zero, which makes its size a free choice of how slow it is.
"""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

HEAD = 64
SPACE = "\u2581"
_UNKNOWN_ID, _BOS_ID, _EOS_ID = 0, 1, 2
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_PIECE_CHARACTERS = 4


def scripted(
    path: Path,
    routes: Mapping[str | None, str],
    *,
    loop: bool = False,
    ctx: int = 4096,
    slow: bool = False,
    quantisation: str = "F32",
    chat_template: str = "",
    name: str = "scripted",
    special: tuple[str, ...] = (),
) -> Path:
    """Writes a model that answers by script; returns `path`.

    Args:
        routes: keyword to script; None for prompts without a keyword.
        loop: never ends: repeats the script without an end of text.
        ctx: context tokens. A prompt costs one token a byte, keywords excepted.
        slow: roughly a millisecond a prompt token and 5 ms a token of the answer; 77 MB.
        special: further control tokens, such as those of a chat template.
    """
    keys = [key for key in routes if key is not None]
    if any(len(key) < 2 for key in keys) or len(keys) > HEAD or not all(routes.values()):
        raise ValueError("keywords need two characters and scripts one")
    words = _Vocabulary(keys, special)
    chains = {key: words.add_script(script) for key, script in routes.items()}
    weights = _weights(words, keys, chains, loop=loop)
    width = weights["token_embd.weight"].shape[1]
    writer = gguf.GGUFWriter(str(path), "llama")
    blocks, feed = (6, 8192) if slow else (1, 32)
    writer.add_name(name)
    writer.add_context_length(ctx)
    writer.add_embedding_length(width)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(feed)
    writer.add_head_count(width // HEAD)
    writer.add_head_count_kv(width // HEAD)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(1e9)
    if chat_template:
        writer.add_chat_template(chat_template)
    words.write(writer)
    weights |= _idle_layers(width, blocks, feed)
    for tensor, values in weights.items():
        _add(writer, tensor, values, quantisation)
    return _finish(writer, path)


def embedding(path: Path, *, name: str = "all-MiniLM-L6-v2") -> Path:
    """Writes a bert model of 60 KB whose vector is the mean of fixed random token codes."""
    width, feed, length = 64, 64, 512
    letters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens = [*marks, *(SPACE + letter for letter in letters), *letters]
    writer = gguf.GGUFWriter(str(path), "bert")
    writer.add_name(name)
    writer.add_context_length(length)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(feed)
    writer.add_head_count(4)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(2)
    writer.add_tokenizer_model("bert")
    writer.add_token_list(tokens)
    writer.add_token_types([_CONTROL] * len(marks) + [_NORMAL] * (len(tokens) - len(marks)))
    writer.add_token_scores([-1000.0] * len(tokens))
    # The format itself spells the separator's key this way.
    for key, mark in (("bos", 2), ("eos", 3), ("unknown", 1), ("seperator", 3), ("padding", 0), ("cls", 2)):
        writer.add_uint32(f"tokenizer.ggml.{key}_token_id", mark)
    for tensor, values in _bert_weights(len(tokens), width, feed, length).items():
        _add(writer, tensor, values, "F32")
    return _finish(writer, path)


def with_architecture(path: Path, architecture: str) -> Path:
    """Writes a file that is sound but for an architecture that may be unknown."""
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_context_length(64)
    writer.add_block_count(1)
    writer.add_embedding_length(HEAD)
    writer.add_token_list(["<unk>"])
    _add(writer, "token_embd.weight", np.zeros((1, HEAD), np.float32), "F32")
    return _finish(writer, path)


def truncated(path: Path, source: Path, *, missing: int) -> Path:
    """A copy of `source` without its last `missing` bytes."""
    content = source.read_bytes()
    path.write_bytes(content[: len(content) - missing])
    return path


def corrupt(path: Path, source: Path, *, at: int, value: bytes) -> Path:
    """A copy of `source` with some bytes replaced. The counts of a header lie at 8 and 16."""
    content = bytearray(source.read_bytes())
    content[at : at + len(value)] = value
    path.write_bytes(content)
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def html(path: Path) -> Path:
    path.write_text("<!DOCTYPE html><html><body>404 Not Found</body></html>")
    return path


def random_bytes(path: Path, *, size: int = 4096) -> Path:
    path.write_bytes(np.random.default_rng(7).bytes(size))
    return path


class _Vocabulary:
    """Tokens of a scripted model: those a prompt can consist of, then those of the scripts."""

    def __init__(self, keys: list[str], special: tuple[str, ...]) -> None:
        self.spelled = [key.replace(" ", SPACE) for key in keys]
        prefixes = dict.fromkeys(key[:end] for key in self.spelled for end in range(2, len(key) + 1))
        self._prefixes = set(prefixes)
        self.tokens = ["<unk>", "<s>", "</s>", *special, *(f"<0x{byte:02X}>" for byte in range(256)), SPACE]
        self._types = [_UNKNOWN, *[_CONTROL] * (2 + len(special)), *[_BYTE] * 256, _NORMAL]
        self.tokens += prefixes
        self._types += [_NORMAL] * len(prefixes)
        self.prompt_size = len(self.tokens)
        self._taken = set(self.tokens)

    def add_script(self, script: str) -> list[int]:
        """Adds a script's pieces, all different from every other token; returns their ids."""
        first = len(self.tokens)
        at = 0
        while at < len(script):
            piece = self._piece_at(script, at)
            if piece:
                self._add(piece, _NORMAL)
                at += len(piece)
                continue
            for byte in script[at].encode():
                # The loader reads the byte from characters 3 and 4, so a suffix makes it a new token.
                self._add(f"<0x{byte:02X}>#{len(self._taken)}", _BYTE)
            at += 1
        return list(range(first, len(self.tokens)))

    def write(self, writer: gguf.GGUFWriter) -> None:
        writer.add_tokenizer_model("llama")
        writer.add_token_list(self.tokens)
        writer.add_token_types(self._types)
        writer.add_token_scores([0.0] * len(self.tokens))
        writer.add_bos_token_id(_BOS_ID)
        writer.add_eos_token_id(_EOS_ID)
        writer.add_unk_token_id(_UNKNOWN_ID)

    def _piece_at(self, script: str, at: int) -> str:
        longest = min(len(script) - at, 8 * _PIECE_CHARACTERS)
        for size in range(_PIECE_CHARACTERS, longest + 1):
            piece = script[at : at + size]
            if piece not in self._taken and SPACE not in piece and not self._could_be_merged(piece):
                return piece
        return ""

    def _could_be_merged(self, piece: str) -> bool:
        """Whether the tokeniser could build this piece out of a prompt's characters."""

        def known(part: str) -> bool:
            return len(part) == 1 or part in self._prefixes

        return any(known(piece[:cut]) and known(piece[cut:]) for cut in range(1, len(piece)))

    def _add(self, token: str, kind: int) -> None:
        self.tokens.append(token)
        self._types.append(kind)
        self._taken.add(token)


def _weights(
    words: _Vocabulary, keys: list[str], chains: Mapping[str | None, list[int]], *, loop: bool
) -> dict[str, Matrix]:
    """The first layer's attention and the transition table; dimensions: prompt, one, keys, routes, codes."""
    count, size = len(keys), len(words.tokens)
    width = -(-(128 + 2 * count) // HEAD) * HEAD
    first_code = 2 + 2 * count
    scale = float(np.sqrt(width - first_code))
    code = np.random.default_rng(0).choice([-1.0, 1.0], size=(size, width - first_code))
    embedding_matrix, output = np.zeros((size, width)), np.zeros((size, width))
    embedding_matrix[:, 1] = scale
    embedding_matrix[: words.prompt_size, 0] = scale
    for index, spelled in enumerate(words.spelled):
        embedding_matrix[words.tokens.index(spelled), 2 + index] = scale
    if not loop:
        # All last pieces share one code. The end of text would otherwise answer to the sum of many, which
        # with dozens of scripts is louder than any single next piece.
        ends = [ids[-1] for ids in chains.values()]
        code[ends] = code[ends[0]]
        output[_EOS_ID, first_code:] = code[ends[0]]
    for key, ids in chains.items():
        embedding_matrix[ids, first_code:] = code[ids]
        for piece, following in itertools.pairwise([*ids, ids[0]] if loop else ids):
            output[following, first_code:] += code[piece]
        if key is None:
            output[ids[0], 0] += 0.25 * scale
        else:
            output[ids[0], 2 + count + keys.index(key)] += 0.5 * scale
    query, key_matrix, value, out = (np.zeros((width, width)) for _ in range(4))
    # The slowest rotating pair of the first head hardly depends on the position.
    query[HEAD - 2, 1] = 8.0
    for index in range(count):
        key_matrix[HEAD - 2, 2 + index] = 30.0 * (index + 1)
        value[index, 2 + index] = 1.0
        out[2 + count + index, index] = scale / np.sqrt(width / 3)
    matrices = {
        "token_embd.weight": embedding_matrix,
        "output.weight": output,
        "output_norm.weight": np.ones(width),
        "blk.0.attn_q.weight": query,
        "blk.0.attn_k.weight": key_matrix,
        "blk.0.attn_v.weight": value,
        "blk.0.attn_output.weight": out,
    }
    return {name: matrix.astype(np.float32) for name, matrix in matrices.items()}


def _idle_layers(width: int, blocks: int, feed: int) -> dict[str, Matrix]:
    """Everything that computes but changes nothing."""
    tensors: dict[str, Matrix] = {}
    for block in range(blocks):
        prefix = f"blk.{block}."
        shapes = {"ffn_gate": (feed, width), "ffn_up": (feed, width), "ffn_down": (width, feed)}
        if block:
            shapes |= dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (width, width))
        for name, shape in shapes.items():
            tensors[f"{prefix}{name}.weight"] = np.zeros(shape, np.float32)
        for name in ("attn_norm", "ffn_norm"):
            tensors[f"{prefix}{name}.weight"] = np.ones(width, np.float32)
    return tensors


def _bert_weights(vocabulary: int, width: int, feed: int, length: int) -> dict[str, Matrix]:
    codes = np.random.default_rng(0).standard_normal((vocabulary, width)).astype(np.float32)
    tensors: dict[str, Matrix] = {
        "token_embd.weight": codes,
        "position_embd.weight": np.zeros((length, width), np.float32),
        "token_types.weight": np.zeros((2, width), np.float32),
    }
    square = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (width, width))
    for name, shape in (square | {"ffn_up": (feed, width), "ffn_down": (width, feed)}).items():
        tensors[f"blk.0.{name}.weight"] = np.zeros(shape, np.float32)
        tensors[f"blk.0.{name}.bias"] = np.zeros(shape[0], np.float32)
    for name in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
        tensors[f"{name}.weight"] = np.ones(width, np.float32)
        tensors[f"{name}.bias"] = np.zeros(width, np.float32)
    return tensors


def _add(writer: gguf.GGUFWriter, name: str, values: Matrix, quantisation: str) -> None:
    if values.ndim == 1 or quantisation == "F32":
        writer.add_tensor(name, np.ascontiguousarray(values))
        return
    kind = gguf.GGMLQuantizationType[quantisation]
    packed: npt.NDArray[Any] = gguf.quants.quantize(values, kind)
    writer.add_tensor(name, packed, raw_dtype=kind)


def _finish(writer: gguf.GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
