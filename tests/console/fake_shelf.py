"""A shelf of models without files, servers or processes: for pictures, and for answers on command."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from bawt_console.shelf import (
    CatalogueModel,
    DownloadState,
    DownloadStoppedError,
    ShelfList,
    ShelfModel,
    ShelfPart,
    Trial,
)
from scheduler_core.errors import ModelError, SchedulerError

FOLDER = "/home/ada/.local/share/llm-bawt/models"


@dataclass(slots=True)
class ModelWorld:
    """What lies on the shelf, and what can be fetched.

    Attributes:
        failure: what asking for the catalogue ends with.
        pieces: the answer to any prompt; while it is None, an answer waits.
        state: how far a download is; while it is not None, a download waits there until it is stopped.
    """

    models: tuple[ShelfModel, ...] = ()
    parts: tuple[ShelfPart, ...] = ()
    catalogue: tuple[CatalogueModel, ...] = ()
    failure: SchedulerError | None = None
    pieces: tuple[str, ...] = ()
    state: DownloadState | None = None
    waits: bool = False
    asked: list[str] = field(default_factory=list)


class FakeShelf:
    """A `Shelf` over a `ModelWorld`."""

    catalogue_host = "models.example"

    def __init__(self, world: ModelWorld) -> None:
        self._world = world
        self._stopped = asyncio.Event()

    async def models(self) -> ShelfList:
        taken = any(model.taken_for == "text" for model in self._world.models)
        return ShelfList(
            models=self._world.models,
            free_bytes=6_120_000_000,
            folders=(FOLDER, "/home/ada/.cache/gpt4all"),
            trouble="" if taken else "No usable model file was found.",
            parts=self._world.parts,
        )

    async def catalogue(self) -> tuple[CatalogueModel, ...]:
        self._world.asked.append("catalogue")
        if self._world.failure is not None:
            raise self._world.failure
        return self._world.catalogue

    async def download(self, wanted: str, *, on_progress: Callable[[DownloadState], None]) -> str:
        self._world.asked.append(f"download {wanted}")
        self._stopped.clear()
        if self._world.state is None:
            raise ModelError("models.example cannot be reached.", "Check the network, or try again.")
        on_progress(self._world.state)
        await self._stopped.wait()
        raise DownloadStoppedError(f"Stopped at {self._world.state.done / 1e6:,.1f} MB.")

    def stop_download(self) -> None:
        self._stopped.set()

    async def ask(self, wanted: str, text: str, *, on_token: Callable[[str], None]) -> Trial:
        self._world.asked.append(f"ask {text}")
        for piece in self._world.pieces:
            on_token(piece)
            await asyncio.sleep(0)
        if self._world.waits:
            await asyncio.Event().wait()
        return Trial(
            text="".join(self._world.pieces),
            finish="stop",
            detail="",
            tokens_in=42,
            tokens_out=len(self._world.pieces),
            tokens_per_second=9.84,
            seconds_to_first_token=0.42,
            seconds_loading=1.31,
        )


def a_model(name: str, **changes: object) -> ShelfModel:
    """A usable file of two gigabytes."""
    values: dict[str, object] = {
        "wanted": f"{FOLDER}/{name}.gguf",
        "name": name,
        "kind": "llama",
        "is_server": False,
        "is_embedding": False,
        "locality": "local",
        "quantisation": "Q4_0",
        "parameters": 3_212_749_888,
        "size_bytes": 1_921_909_280,
        "context_tokens": 131_072,
        "needed_bytes": 2_810_000_000,
        "fits_memory": True,
        "is_usable": True,
        "reason": "",
        "taken_for": "",
    }
    return ShelfModel(**(values | changes))  # type: ignore[arg-type]


def believable_models() -> ModelWorld:
    """Two models that are taken, one too large, one broken, and a server on this machine."""
    return ModelWorld(
        models=(
            a_model("Llama-3.2-3B-Instruct-Q4_0", taken_for="text"),
            a_model(
                "Meta-Llama-3-8B-Instruct.Q4_0",
                parameters=8_030_261_248,
                size_bytes=4_661_724_384,
                context_tokens=8_192,
                needed_bytes=6_390_000_000,
                fits_memory=False,
                reason="Needs about 6.4 GB of memory; 6.1 GB are free.",
            ),
            a_model(
                "nomic-embed-text-v1.5.f16",
                kind="nomic-bert",
                is_embedding=True,
                quantisation="F16",
                parameters=136_731_648,
                size_bytes=274_290_560,
                context_tokens=2_048,
                needed_bytes=712_000_000,
                taken_for="embeddings",
            ),
            a_model(
                "qwen3-4b-q4_k_m",
                kind="qwen3",
                quantisation="Q4_K_M",
                parameters=4_022_468_096,
                size_bytes=2_497_280_256,
                context_tokens=40_960,
                needed_bytes=0,
                is_usable=False,
                reason="gpt4all does not know the architecture qwen3.",
            ),
            a_model(
                "llama3.1:8b",
                wanted="openai:llama3.1:8b",
                kind="127.0.0.1:11434",
                is_server=True,
                quantisation="",
                parameters=0,
                size_bytes=0,
                context_tokens=8_192,
                needed_bytes=0,
            ),
        ),
        parts=(
            ShelfPart(
                file_name="Phi-3-mini-4k-instruct.Q4_0.gguf",
                url="https://models.example/Phi-3-mini-4k-instruct.Q4_0.gguf",
                done=986_000_000,
                total=2_176_181_568,
            ),
        ),
        catalogue=(
            _entry(
                "Llama 3 8B Instruct", "Meta-Llama-3-8B-Instruct.Q4_0.gguf", 4_661_724_384, "8 billion", "8"
            ),
            _entry("Llama 3.2 1B Instruct", "Llama-3.2-1B-Instruct-Q4_0.gguf", 773_025_920, "1 billion", "2"),
            _entry(
                "Phi-3 Mini Instruct", "Phi-3-mini-4k-instruct.Q4_0.gguf", 2_176_181_568, "4 billion", "4"
            ),
            _entry("SBert", "all-MiniLM-L6-v2.gguf2.f16.gguf", 45_949_216, "40 million", "1", embedding=True),
        ),
        pieces=("Ada ", "works ", "nights ", "as a head nurse ", "in Dresden."),
        state=DownloadState(phase="downloading", done=232_000_000, total=773_025_920, speed=12_400_000.0),
    )


def _entry(
    name: str, file_name: str, size: int, parameters: str, memory: str, *, embedding: bool = False
) -> CatalogueModel:
    return CatalogueModel(
        name=name,
        host="models.example",
        file_name=file_name,
        size_bytes=size,
        parameters=parameters,
        memory=memory,
        is_embedding=embedding,
    )
