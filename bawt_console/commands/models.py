"""`bawt-console models`: what there is, fetching more, and trying one out."""

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from bawt_console.commands.session import Options, shared_options
from bawt_console.output import print_json, print_line, print_note, print_table

if TYPE_CHECKING:
    from scheduler_core.llm.catalogue import CatalogueEntry, Source
    from scheduler_core.llm.download import Downloaded
    from scheduler_core.settings import Settings


@click.group(short_help="List, download and try models.")
def models() -> None:
    """Models: the GGUF files that maintenance may use, and the server that may stand in for them."""


@models.command("list")
@shared_options
@click.pass_obj
def list_models(options: Options) -> None:
    """Every model found, its verdict, and which one is taken for text and for embeddings."""
    from bawt_console.model_list import print_models

    print_models(options.settings(), as_json=options.json)


@models.command("download")
@click.argument("name", required=False, metavar="[NAME|URL]")
@click.option("--as", "file_name", default="", metavar="FILE", help="Call it so; ends in .gguf.")
@click.option("--sha256", default="", metavar="DIGITS", help="Accept nothing but the file of this checksum.")
@shared_options
@click.pass_obj
def download(options: Options, name: str | None, file_name: str, sha256: str) -> None:
    """Fetch a model by its NAME in gpt4all's catalogue or by its address; without either, list the catalogue.

    What broke off goes on where it was when the same command is given again.
    """
    settings = options.settings()
    if name is None:
        _print_catalogue(options, settings)
        return
    from bawt_console.model_download import source_named

    done = _download(settings, source_named(settings, name, file_name=file_name, sha256=sha256))
    if options.json:
        print_json(done)
    else:
        print_line(f"{done.path}  {done.size_bytes / 1e6:,.1f} MB  sha256:{done.sha256}")
    if not done.is_verified:
        print_note("No checksum was known beforehand; compare the one above with the publisher's.")


@models.command("try")
@click.argument("text", nargs=-1, required=True)
@click.option(
    "--model", default="", metavar="NAME", help="A file name or a path; else the one that jobs take."
)
@click.option("--system", default="", metavar="TEXT", help="Instructions in front of the text.")
@click.option("--max-tokens", default=256, type=click.IntRange(1, 131_072), help="Longest answer; 256.")
@click.option("--embedding", is_flag=True, help="Embed each TEXT instead, and compare them with the first.")
@shared_options
@click.pass_obj
@click.pass_context
def try_model(
    context: click.Context,
    options: Options,
    text: tuple[str, ...],
    model: str,
    system: str,
    max_tokens: int,
    embedding: bool,
) -> None:
    """Let a model answer TEXT; its tokens come on stdout, its speed on stderr."""
    from bawt_console.model_answer import answer, embed
    from bawt_console.model_trial import Question

    settings = options.settings()
    if embedding:
        if system:
            raise click.UsageError("--system goes without --embedding.")
        chosen = settings.model_copy(update={"embedding_model": model} if model else {})
        asyncio.run(embed(chosen, text, as_json=options.json))
        return
    chosen = settings.model_copy(update={"profile_maintenance_model": model} if model else {})
    question = Question(text=" ".join(text), system=system, max_tokens=max_tokens)
    if not asyncio.run(answer(chosen, question, as_json=options.json)):
        context.exit(1)


def _download(settings: "Settings", source: "Source") -> "Downloaded":
    from bawt_console.download_progress import DownloadProgress
    from bawt_console.model_download import fetched

    progress = DownloadProgress(sys.stderr)
    try:
        return fetched(settings, source, progress=progress)
    except KeyboardInterrupt:
        progress.end()
        print_note("Interrupted; the same command goes on from here.")
        raise
    finally:
        progress.end()


def _print_catalogue(options: Options, settings: "Settings") -> None:
    from scheduler_core.llm.download import fetch_catalogue

    entries = [entry for entry in fetch_catalogue(settings.model_catalogue_url) if not entry.is_withdrawn]
    if options.json:
        for entry in entries:
            print_json(entry)
        return
    print_table(("NAME", "FILE", "SIZE", "PARAMETERS", "MEMORY", "FOR"), [_cells(entry) for entry in entries])


def _cells(entry: "CatalogueEntry") -> tuple[str, ...]:
    size = entry.source.size_bytes
    return (
        entry.name,
        entry.source.file_name,
        "?" if size is None else f"{size / 1e6:,.0f} MB",
        entry.parameters or "?",
        f"{entry.memory} GB" if entry.memory else "?",
        "embeddings" if entry.is_embedding else "text",
    )
