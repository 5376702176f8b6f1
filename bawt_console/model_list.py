"""The list of models: files with their verdicts, the server, and what is taken for what."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bawt_console.output import plain, print_json, print_note, print_table
from scheduler_core.errors import ModelError
from scheduler_core.installation import local_models, model_chooser, models_dir
from scheduler_core.llm.chooser import server_model
from scheduler_core.llm.models import ModelFile, default_model_folders
from scheduler_core.llm.openai_server import ServerModel
from scheduler_core.settings import Settings

TEXT, EMBEDDINGS = "text", "embeddings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Everything found.

    Attributes:
        taken: the files that are taken, and what for.
        free_bytes: memory that a model may take.
        trouble: why no file is taken for text; None if one is, or none is wanted.
    """

    files: Sequence[ModelFile]
    taken: dict[str, ModelFile]
    server: ServerModel | None
    server_is_taken: bool
    free_bytes: int
    trouble: ModelError | None
    embedding_trouble: ModelError | None


def print_models(settings: Settings, *, as_json: bool) -> None:
    """Prints them: JSON lines, or a table; notes about what is missing go to stderr."""
    listing = _look(settings)
    if as_json:
        for file in listing.files:
            print_json(plain(file) | _marks(listing, file))
        if listing.server is not None:
            taken_for = TEXT if listing.server_is_taken else None
            print_json(plain(listing.server) | {"chosen": listing.server_is_taken, "taken_for": taken_for})
    elif listing.files or listing.server is not None:
        _print(listing)
    if listing.trouble is not None and not listing.server_is_taken:
        print_note(
            f"{listing.trouble.title} Maintenance works without one: summaries then come from a template."
        )
        folders = ", ".join(str(folder) for folder in default_model_folders(models_dir(settings)))
        print_note(f"Looked in: {folders}")
    if listing.embedding_trouble is not None:
        print_note(str(listing.embedding_trouble))


def _look(settings: Settings) -> Listing:
    local = local_models(settings)
    files = local.files()
    taken: dict[str, ModelFile] = {}
    trouble = embedding_trouble = None
    if server_model(settings.profile_maintenance_model) is None:
        try:
            taken[TEXT] = local.choice(files)
        except ModelError as error:
            trouble = error
    if server_model(settings.embedding_model) is None:
        try:
            chosen = local.embedding_choice(files)
            taken |= {} if chosen is None else {EMBEDDINGS: chosen}
        except ModelError as error:
            embedding_trouble = error
    server = asyncio.run(_server(settings))
    return Listing(
        # One that was configured by its path may lie outside the folders.
        files=tuple(dict.fromkeys((*files, *taken.values()))),
        taken=taken,
        server=server,
        server_is_taken=server is not None and not server.reason and TEXT not in taken,
        free_bytes=local.memory_bytes,
        trouble=trouble,
        embedding_trouble=embedding_trouble,
    )


async def _server(settings: Settings) -> ServerModel | None:
    chooser = model_chooser(settings)
    try:
        return await chooser.standing()
    finally:
        await chooser.aclose()


def _marks(listing: Listing, file: ModelFile) -> dict[str, object]:
    taken_for = next((use for use, taken in listing.taken.items() if taken == file), None)
    return {
        "chosen": taken_for == TEXT,
        "taken_for": taken_for,
        "memory_free_bytes": listing.free_bytes,
    }


def _print(listing: Listing) -> None:
    rows = [_file_cells(listing, file) for file in listing.files]
    if listing.server is not None:
        rows.append(_server_cells(listing.server, is_taken=listing.server_is_taken))
    print_table(
        ("TAKEN FOR", "NAME", "KIND", "QUANT", "PARAMETERS", "SIZE", "CONTEXT", "MEMORY", "VERDICT"), rows
    )


def _file_cells(listing: Listing, file: ModelFile) -> tuple[str, ...]:
    taken_for = _marks(listing, file)["taken_for"]
    return (
        f"→ {taken_for}" if taken_for else "",
        file.name,
        f"{file.architecture or '?'}{' embedding' if file.is_embedding else ''}",
        file.quantisation or "?",
        _parameters(file.parameters),
        f"{file.size_bytes / 1e6:,.1f} MB",
        str(file.context_tokens or "?"),
        _memory(file, listing.free_bytes),
        f"{file.verdict}{': ' + file.reason if file.reason else ''}",
    )


def _server_cells(server: ServerModel, *, is_taken: bool) -> tuple[str, ...]:
    return (
        f"→ {TEXT}" if is_taken else "",
        server.name or server.server,
        f"server {server.server}{f' {server.locality}' if server.locality else ''}",
        "",
        "",
        "",
        str(server.context_tokens or "?"),
        "",
        f"{server.verdict}{': ' + server.reason if server.reason else ''}",
    )


def _parameters(count: int) -> str:
    if not count:
        return "?"
    return f"{count / 1e9:.2f} B" if count >= 1e8 else f"{count / 1e6:.1f} M"


def _memory(file: ModelFile, free_bytes: int) -> str:
    if not file.needed_bytes:
        return "?"
    return f"{file.needed_bytes / 1e9:.1f} of {free_bytes / 1e9:.1f} GB"
