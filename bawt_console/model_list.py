"""The list of models as the command line prints it."""

from bawt_console.model_survey import TEXT, ModelSurvey, survey
from bawt_console.output import plain, print_json, print_note, print_table
from scheduler_core.data_directory import models_dir
from scheduler_core.llm.models import ModelFile, default_model_folders
from scheduler_core.llm.openai_server import ServerModel
from scheduler_core.settings import Settings


def print_models(settings: Settings, *, as_json: bool) -> None:
    """Prints them: JSON lines, or a table; notes about what is missing go to stderr."""
    listing = survey(settings)
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


def _marks(listing: ModelSurvey, file: ModelFile) -> dict[str, object]:
    taken_for = next((use for use, taken in listing.taken.items() if taken == file), None)
    return {
        "chosen": taken_for == TEXT,
        "taken_for": taken_for,
        "memory_free_bytes": listing.free_bytes,
    }


def _print(listing: ModelSurvey) -> None:
    rows = [_file_cells(listing, file) for file in listing.files]
    if listing.server is not None:
        rows.append(_server_cells(listing.server, is_taken=listing.server_is_taken))
    print_table(
        ("TAKEN FOR", "NAME", "KIND", "QUANT", "PARAMETERS", "SIZE", "CONTEXT", "MEMORY", "VERDICT"), rows
    )


def _file_cells(listing: ModelSurvey, file: ModelFile) -> tuple[str, ...]:
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
