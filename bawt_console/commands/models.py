"""`bawt-console models`: which local models there are and which one maintenance takes."""

from typing import TYPE_CHECKING

import click

from bawt_console.commands.session import Options, shared_options
from bawt_console.output import plain, print_json, print_note, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler_core.llm.models import ModelFile


@click.group(short_help="List local models.")
def models() -> None:
    """Models: the GGUF files that maintenance may use. Nothing is loaded or downloaded here."""


@models.command("list")
@shared_options
@click.pass_obj
def list_models(options: Options) -> None:
    """Every model file found, its verdict, and which one is taken."""
    from scheduler_core.errors import ModelError
    from scheduler_core.installation import local_models, models_dir
    from scheduler_core.llm.models import choose, default_model_folders

    settings = options.settings()
    files = local_models(settings).files()
    try:
        chosen, trouble = choose(files, wanted=settings.profile_maintenance_model), None
    except ModelError as error:
        chosen, trouble = None, error
    if options.json:
        for file in files:
            print_json(plain(file) | {"chosen": file == chosen})
    elif files:
        _print(files, chosen)
    if trouble is not None:
        print_note(f"{trouble.title} Maintenance works without one: summaries then come from a template.")
        folders = ", ".join(str(folder) for folder in default_model_folders(models_dir(settings)))
        print_note(f"Looked in: {folders}")


def _print(files: "Sequence[ModelFile]", chosen: "ModelFile | None") -> None:
    print_table(
        ("", "NAME", "KIND", "QUANT", "PARAMETERS", "SIZE", "CONTEXT", "VERDICT"),
        [
            (
                "→" if file == chosen else "",
                file.name,
                f"{file.architecture or '?'}{' embedding' if file.is_embedding else ''}",
                file.quantisation or "?",
                f"{file.parameters / 1e9:.2f} B" if file.parameters else "?",
                f"{file.size_bytes / 1e6:,.1f} MB",
                str(file.context_tokens or "?"),
                f"{file.verdict}{': ' + file.reason if file.reason else ''}",
            )
            for file in files
        ],
    )
