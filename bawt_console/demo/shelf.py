"""The models of the demo: the scripted one, which is there and answers, beside invented files.

Nothing of this machine is looked at, and nothing is fetched.
"""

from typing import NoReturn

from bawt_console.demo.model import NAME, ScriptedModel
from bawt_console.model_shelf import ModelShelf
from bawt_console.shelf import CatalogueModel, ShelfList, ShelfModel
from scheduler_core.errors import ModelError
from scheduler_core.llm.given import GivenModel

_FREE = 5_200_000_000


class DemoShelf(ModelShelf):
    """See the module."""

    def _look(self) -> ShelfList:
        return ShelfList(models=_MODELS, free_bytes=_FREE, folders=("none: this is a demo",), trouble="")

    def _open(self, wanted: str) -> GivenModel:
        if wanted != NAME:
            raise ModelError("This file is only a picture of one.", f"Try {NAME}, which answers.")
        return GivenModel(ScriptedModel())

    def _fetch_catalogue(self) -> tuple[CatalogueModel, ...]:
        _nothing_is_fetched()

    def _download(self, wanted: str, progress: object) -> NoReturn:
        _nothing_is_fetched()


def _nothing_is_fetched() -> NoReturn:
    raise ModelError("A demo fetches nothing.", "Start without demo to download models.")


def _file(
    name: str,
    *,
    kind: str,
    quantisation: str,
    parameters: float,
    size: float,
    context: int,
    reason: str = "",
    fits: bool = True,
    taken_for: str = "",
    wanted: str = "",
) -> ShelfModel:
    """Sizes in thousand millions."""
    return ShelfModel(
        wanted=wanted or name,
        name=name,
        kind=kind,
        is_server=False,
        is_embedding=kind.endswith("bert"),
        locality="local",
        quantisation=quantisation,
        parameters=round(parameters * 1e9),
        size_bytes=round(size * 1e9),
        context_tokens=context,
        needed_bytes=round(size * 1.25e9),
        fits_memory=fits,
        is_usable=not reason,
        reason=reason,
        taken_for=taken_for,
    )


_MODELS = (
    _file(
        NAME,
        kind="script",
        quantisation="",
        parameters=3.2,
        size=1.92,
        context=4096,
        taken_for="text",
    ),
    _file(
        "Field-Note-1.5B-Q4_0.gguf",
        kind="qwen2",
        quantisation="Q4_0",
        parameters=1.5,
        size=0.94,
        context=32_768,
    ),
    _file(
        "Harbour-8B-Instruct-Q4_0.gguf",
        kind="llama",
        quantisation="Q4_0",
        parameters=8.0,
        size=4.66,
        context=8192,
        reason="needs 5.8 GB of memory, and 5.2 GB are free",
        fits=False,
    ),
    _file(
        "Tiny-Poet-1B-Q4_0.gguf",
        kind="llama",
        quantisation="Q4_0",
        parameters=1.1,
        size=0.64,
        context=2048,
        reason="set aside because it crashed twice within a day",
    ),
    _file(
        "unfinished-download.gguf",
        kind="",
        quantisation="",
        parameters=0.0,
        size=0.11,
        context=0,
        reason="the file is cut short",
    ),
    _file(
        "Lantern-embed-Q8_0.gguf",
        kind="nomic-bert",
        quantisation="Q8_0",
        parameters=0.137,
        size=0.15,
        context=2048,
    ),
)
