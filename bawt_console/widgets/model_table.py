"""The columns of the lists of models: those that are here, and those that can be fetched."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bawt_console.formatting import NOTHING, Phrase, Tone, one_line, phrase, size
from bawt_console.shelf import CatalogueModel, ShelfList, ShelfModel, ShelfPart
from bawt_console.widgets.columns import Column
from bawt_console.widgets.lines import Line
from bawt_console.widgets.run_lines import field
from bawt_console.widgets.table import LiveTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model that can be fetched, or whose download can go on.

    Attributes:
        wanted: its name in the catalogue, or its address.
        done: bytes that are here already.
        is_here: whether a file of that name lies in one of the folders.
    """

    wanted: str
    name: str
    file_name: str
    host: str = ""
    size_bytes: int = 0
    parameters: str = ""
    memory: str = ""
    is_embedding: bool = False
    done: int = 0
    is_here: bool = False


def offers_of(
    catalogue: tuple[CatalogueModel, ...], parts: tuple[ShelfPart, ...], here: frozenset[str]
) -> list[Offer]:
    """What broke off first, then the catalogue in its order.

    Args:
        here: the names of the files in the folders.
    """
    begun = {part.file_name: part for part in parts}
    known = {entry.file_name for entry in catalogue}
    rows = [
        Offer(
            wanted=part.url,
            name=part.file_name,
            file_name=part.file_name,
            size_bytes=part.total or 0,
            done=part.done,
        )
        for part in parts
        if part.file_name not in known
    ]
    listed = [
        Offer(
            wanted=entry.name,
            name=entry.name,
            file_name=entry.file_name,
            host=entry.host,
            size_bytes=entry.size_bytes,
            parameters=entry.parameters,
            memory=entry.memory,
            is_embedding=entry.is_embedding,
            done=begun[entry.file_name].done if entry.file_name in begun else 0,
            is_here=entry.file_name in here,
        )
        for entry in catalogue
    ]
    listed.sort(key=lambda row: not row.done)
    return rows + listed


def ranked(models: Iterable[ShelfModel]) -> list[ShelfModel]:
    """What is taken first, then what can be used, then the rest; within that as it was found."""
    order = {"text": 0, "embeddings": 1}

    def rank(model: ShelfModel) -> int:
        if not model.is_usable:
            return 4
        return order.get(model.taken_for, 2 if model.fits_memory else 3)

    return sorted(models, key=rank)


def model_table(*, now: Callable[[], datetime], id: str) -> LiveTable[ShelfModel]:  # noqa: A002 - Textual's own name
    """A table with one row a model."""
    return LiveTable(_MODEL_COLUMNS, key=lambda row: row.wanted, now=now, id=id)


def offer_table(*, now: Callable[[], datetime], id: str) -> LiveTable[Offer]:  # noqa: A002 - Textual's own name
    """A table with one row a model that can be fetched."""
    return LiveTable(_OFFER_COLUMNS, key=lambda row: row.wanted, now=now, id=id)


def verdict(model: ShelfModel) -> Phrase:
    """Whether it can be used, as glyph and word."""
    if not model.is_usable:
        return phrase("✗ rejected", Tone.FAILED)
    return phrase("✓ usable", Tone.OK) if model.fits_memory else phrase("! too large", Tone.LATE)


def locality(model: ShelfModel) -> Phrase:
    """Where the text goes."""
    tones = {"local": Tone.OK, "remote": Tone.LATE}
    return phrase(model.locality or "nowhere yet", tones.get(model.locality, Tone.MUTED))


def parameters(count: int) -> str:
    """`3.21 B`, `560 M`; a dash for an unknown number."""
    if not count:
        return "–"
    return f"{count / 1e9:.2f} B" if count >= 1e9 else f"{count / 1e6:.3g} M"


def _taken(model: ShelfModel) -> Phrase:
    return phrase(f"→ {model.taken_for}", Tone.ACCENT) if model.taken_for else NOTHING


def _kind(model: ShelfModel) -> Phrase:
    if model.is_server:
        where = phrase(model.locality, locality(model).pieces[0][1]) if model.locality else NOTHING
        return phrase("server ", Tone.MUTED) + where
    words = f"{model.kind or 'unknown'}{' embeddings' if model.is_embedding else ''}"
    return phrase(words, Tone.MUTED)


def _kind_text(model: ShelfModel) -> str:
    return one_line(_kind(model).plain, limit=40)


def _memory(model: ShelfModel) -> Phrase:
    if not model.needed_bytes:
        return phrase("–", Tone.FAINT)
    mark, tone = ("", Tone.PLAIN) if model.fits_memory else ("! ", Tone.LATE)
    return phrase(f"{mark}{size(model.needed_bytes)}", tone)


def _size(model: ShelfModel) -> Phrase:
    return phrase(size(model.size_bytes)) if model.size_bytes else phrase("–", Tone.FAINT)


def _context(model: ShelfModel) -> Phrase:
    known = model.context_tokens
    return phrase(f"{known:,}", Tone.MUTED) if known else phrase("–", Tone.FAINT)


def model_fields(model: ShelfModel, shelf: ShelfList) -> list[Line]:
    """Everything known of one model."""
    lines = [
        field("model", phrase(model.name, Tone.STRONG)),
        field("verdict", verdict(model)),
    ]
    if model.reason:
        lines.append(field("reason", phrase(model.reason, Tone.LATE)))
    if model.taken_for:
        chosen = "jobs take it" if model.taken_for == "text" else "memories are compared with it"
        lines.append(
            field("taken for", phrase(model.taken_for, Tone.ACCENT) + phrase(f"  {chosen}", Tone.MUTED))
        )
    lines.append(Line())
    if model.is_server:
        lines += _server_fields(model)
    else:
        lines += _file_fields(model, shelf)
    if model.context_tokens:
        lines.append(field("context", f"{model.context_tokens:,} tokens"))
    lines.append(Line())
    lines += [field("looked in" if n == 0 else "", folder) for n, folder in enumerate(shelf.folders)]
    return lines


def _server_fields(model: ShelfModel) -> list[Line]:
    told = {
        "local": "  what is asked stays on this machine",
        "remote": "  what is asked leaves this machine",
    }.get(model.locality, "  its name has no address now")
    return [
        field("server", model.kind),
        field("runs", locality(model) + phrase(told, Tone.MUTED)),
    ]


def _file_fields(model: ShelfModel, shelf: ShelfList) -> list[Line]:
    """What the header tells; of a refused one only the file."""
    lines = []
    if model.is_usable:
        how = phrase("  in a process of its own on this machine", Tone.MUTED)
        lines.append(field("runs", phrase("local", Tone.OK) + how))
    if model.kind:
        use = "embeddings" if model.is_embedding else "text"
        lines.append(field("architecture", f"{model.kind}, for {use}"))
    if model.quantisation:
        lines.append(field("quantisation", model.quantisation))
    if model.parameters:
        lines.append(field("parameters", parameters(model.parameters)))
    lines.append(field("size", size(model.size_bytes)))
    if model.needed_bytes:
        fit = "fits" if model.fits_memory else "does not fit"
        free = phrase(f" of {size(shelf.free_bytes)} free  ", Tone.MUTED)
        tone = Tone.OK if model.fits_memory else Tone.LATE
        lines.append(field("memory", phrase(size(model.needed_bytes)) + free + phrase(fit, tone)))
    lines.append(field("file", phrase(model.wanted, Tone.MUTED)))
    return lines


def model_row(model: ShelfModel) -> Mapping[str, object]:
    """A model as an export has it."""
    return {
        "name": model.name,
        "wanted": model.wanted,
        "taken_for": model.taken_for,
        "usable": model.is_usable,
        "fits_memory": model.fits_memory,
        "reason": model.reason,
        "kind": model.kind,
        "is_server": model.is_server,
        "is_embedding": model.is_embedding,
        "locality": model.locality,
        "quantisation": model.quantisation,
        "parameters": model.parameters,
        "size_bytes": model.size_bytes,
        "needed_bytes": model.needed_bytes,
        "context_tokens": model.context_tokens,
    }


def _standing(offer: Offer) -> Phrase:
    if offer.is_here:
        return phrase("✓ here", Tone.OK)
    if offer.done:
        share = f" {offer.done / offer.size_bytes:.0%}" if offer.size_bytes else ""
        return phrase(f"‖ begun{share}", Tone.PAUSED)
    return NOTHING


def _offer_size(offer: Offer) -> Phrase:
    return phrase(size(offer.size_bytes)) if offer.size_bytes else phrase("–", Tone.FAINT)


def _offer_memory(offer: Offer) -> Phrase:
    return phrase(f"{offer.memory} GB", Tone.MUTED) if offer.memory else phrase("–", Tone.FAINT)


_MODEL_COLUMNS: tuple[Column[ShelfModel], ...] = (
    Column(title="Verdict", cell=lambda row, now: verdict(row), width=11, keep=100),
    Column(title="Taken for", cell=lambda row, now: _taken(row), width=12, keep=98),
    Column(
        title="Model",
        cell=lambda row, now: phrase(row.name, Tone.STRONG if row.taken_for else Tone.PLAIN),
        width=18,
        most=60,
        natural=lambda row: one_line(row.name, limit=60),
        keep=99,
    ),
    Column(
        title="Kind",
        cell=lambda row, now: _kind(row),
        width=8,
        most=24,
        natural=_kind_text,
        keep=70,
    ),
    Column(
        title="Quant",
        cell=lambda row, now: phrase(row.quantisation or "–", Tone.MUTED),
        width=6,
        most=12,
        natural=lambda row: one_line(row.quantisation, limit=12),
        keep=86,
    ),
    Column(
        title="Weights",
        cell=lambda row, now: phrase(parameters(row.parameters), Tone.MUTED),
        width=7,
        keep=62,
        right=True,
    ),
    Column(title="Size", cell=lambda row, now: _size(row), width=8, keep=90, right=True),
    Column(title="Memory", cell=lambda row, now: _memory(row), width=9, keep=80, right=True),
    Column(title="Context", cell=lambda row, now: _context(row), width=7, keep=60, right=True),
    Column(
        title="Why not",
        cell=lambda row, now: phrase(row.reason, Tone.LATE if row.is_usable else Tone.MUTED),
        width=12,
        most=200,
        natural=lambda row: one_line(row.reason, limit=200),
        keep=65,
    ),
)
_OFFER_COLUMNS: tuple[Column[Offer], ...] = (
    Column(
        title="Model",
        cell=lambda row, now: phrase(row.name),
        width=20,
        most=60,
        natural=lambda row: one_line(row.name, limit=60),
        keep=100,
    ),
    Column(title="Here", cell=lambda row, now: _standing(row), width=12, keep=98),
    Column(title="Size", cell=lambda row, now: _offer_size(row), width=8, keep=95, right=True),
    Column(
        title="Weights",
        cell=lambda row, now: phrase(row.parameters or "–", Tone.MUTED),
        width=11,
        keep=70,
    ),
    Column(title="Memory", cell=lambda row, now: _offer_memory(row), width=6, keep=90, right=True),
    Column(
        title="For",
        cell=lambda row, now: phrase("embeddings" if row.is_embedding else "text", Tone.MUTED),
        width=10,
        keep=85,
    ),
    Column(
        title="File",
        cell=lambda row, now: phrase(row.file_name, Tone.FAINT),
        width=16,
        most=80,
        natural=lambda row: one_line(row.file_name, limit=80),
        keep=40,
    ),
)
