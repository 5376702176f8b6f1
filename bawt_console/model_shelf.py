"""The models of this machine for the console: what there is, fetching more, trying one.

Files are read and fetched on threads and answers are written by a child process, so no screen waits for any
of it. Nothing heavy is imported before it is used, and gpt4all is never imported here.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bawt_console.shelf import (
    CatalogueModel,
    DownloadState,
    DownloadStoppedError,
    ShelfList,
    ShelfModel,
    ShelfPart,
    Trial,
)
from scheduler_core.errors import ModelError

if TYPE_CHECKING:
    from bawt_console.model_survey import ModelSurvey
    from scheduler_core.llm.chooser import ModelChooser
    from scheduler_core.llm.download import Downloaded
    from scheduler_core.llm.given import GivenModel
    from scheduler_core.llm.models import ModelFile
    from scheduler_core.settings import Settings

PROGRESS_SECONDS = 0.1
LONGEST_ANSWER_TOKENS = 512


class ModelShelf:
    """`Shelf` over files, servers and a child process. One download at a time, one prompt at a time.

    Args:
        settings: which folders, limits and server there are.
    """

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self._tried = ""
        self._chooser: ModelChooser | GivenModel | None = None

    @property
    def catalogue_host(self) -> str:
        """Who is asked for the catalogue."""
        return urlsplit(self._settings.model_catalogue_url).hostname or ""

    async def models(self) -> ShelfList:
        """What there is now.

        Raises:
            SchedulerError: the settings of models cannot be used.
        """
        return await asyncio.to_thread(self._look)

    async def catalogue(self) -> tuple[CatalogueModel, ...]:
        """What can be fetched by name; asks the catalogue's server.

        Raises:
            ModelError: it gives no list.
        """
        return await asyncio.to_thread(self._fetch_catalogue)

    async def download(self, wanted: str, *, on_progress: Callable[[DownloadState], None]) -> str:
        """Fetches a model by its name in the catalogue or by its address; returns a sentence about it.

        Args:
            on_progress: called on the event loop, at most ten times a second.

        Raises:
            DownloadStoppedError: `stop_download` was called.
            SchedulerError: in one sentence, as `scheduler_core.llm.download` says it.
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Downloaded] = loop.create_future()
        self._stopping.clear()
        progress = _Throttle(loop, on_progress, self._stopping)

        def tell(done: "Downloaded | None", error: BaseException | None) -> None:
            if ended.done():
                return
            if done is not None:
                ended.set_result(done)
            elif error is not None:
                ended.set_exception(error)

        def work() -> None:
            done, failure = None, None
            try:
                done = self._download(wanted, progress)
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                failure = error
            with contextlib.suppress(RuntimeError):
                # The loop is closed when the console was left meanwhile.
                loop.call_soon_threadsafe(tell, done, failure)

        # A daemon: leaving the console must not wait for a slow server, and the part is kept.
        threading.Thread(target=work, name="model download", daemon=True).start()
        done = await ended
        size = f"{done.size_bytes / 1e6:,.1f} MB"
        checked = "its checksum is right" if done.is_verified else f"sha256:{done.sha256}"
        return f"Downloaded {done.path.name}, {size}; {checked}."

    def stop_download(self) -> None:
        """Ends the download at its next block."""
        self._stopping.set()

    async def ask(self, wanted: str, text: str, *, on_token: Callable[[str], None]) -> Trial:
        """Lets a model answer. The model stays loaded for the next prompt, as long as settings allow.

        Args:
            wanted: as in `ShelfModel`.

        Raises:
            SchedulerError: the model cannot be used.
        """
        chooser = await self._chooser_of(wanted)
        from bawt_console.model_trial import Question, ask

        model = await chooser.current()
        if model is None:
            raise ModelError("The model cannot be used.", "Look at the list again.")
        question = Question(text=text, system="", max_tokens=LONGEST_ANSWER_TOKENS)
        completion, facts = await ask(
            model, question, timeout=self._settings.model_timeout_seconds, on_token=on_token
        )
        speed, first = facts["tokens_per_second"], facts["seconds_to_first_token"]
        loading = facts["seconds_loading"]
        return Trial(
            text=completion.text,
            finish=str(completion.finish),
            detail=completion.detail,
            tokens_in=completion.tokens_in,
            tokens_out=completion.tokens_out,
            tokens_per_second=speed if isinstance(speed, float) else None,
            seconds_to_first_token=first if isinstance(first, float) else None,
            seconds_loading=loading if isinstance(loading, float) else 0.0,
        )

    async def aclose(self) -> None:
        """Stops a download and ends the model's process."""
        self._stopping.set()
        await self._let_go()

    async def _let_go(self) -> None:
        chooser, self._chooser, self._tried = self._chooser, None, ""
        if chooser is not None:
            await chooser.aclose()

    async def _chooser_of(self, wanted: str) -> "ModelChooser | GivenModel":
        if self._chooser is None or self._tried != wanted:
            await self._let_go()
            self._chooser = await asyncio.to_thread(self._open, wanted)
            self._tried = wanted
        return self._chooser

    # What follows blocks, and runs on threads.

    def _open(self, wanted: str) -> "ModelChooser | GivenModel":
        import bawt_console.model_trial  # noqa: F401 - imported here, off the event loop
        from scheduler_core.model_choice import model_chooser

        return model_chooser(self._settings.model_copy(update={"profile_maintenance_model": wanted}))

    def _look(self) -> ShelfList:
        from bawt_console.model_survey import survey
        from scheduler_core.data_directory import models_dir
        from scheduler_core.llm.download_part import stopped_parts
        from scheduler_core.llm.models import default_model_folders

        folder = models_dir(self._settings)
        found = survey(self._settings)
        models = [_of_file(found, file) for file in found.files]
        if (server := _of_server(found)) is not None:
            models.append(server)
        trouble = "" if found.trouble is None or found.server_is_taken else found.trouble.title
        return ShelfList(
            models=tuple(models),
            free_bytes=found.free_bytes,
            folders=tuple(str(folder) for folder in default_model_folders(folder)),
            trouble=trouble,
            parts=tuple(
                ShelfPart(
                    file_name=each.path.name.removesuffix(".part"),
                    url=each.origin.url,
                    done=each.size,
                    total=each.origin.total,
                )
                for each in stopped_parts(folder)
            ),
        )

    def _fetch_catalogue(self) -> tuple[CatalogueModel, ...]:
        from scheduler_core.llm.download import fetch_catalogue

        return tuple(
            CatalogueModel(
                name=entry.name,
                host=urlsplit(entry.source.url).hostname or "",
                file_name=entry.source.file_name,
                size_bytes=entry.source.size_bytes or 0,
                parameters=entry.parameters,
                memory=entry.memory,
                is_embedding=entry.is_embedding,
            )
            for entry in fetch_catalogue(self._settings.model_catalogue_url)
            if not entry.is_withdrawn
        )

    def _download(self, wanted: str, progress: "_Throttle") -> "Downloaded":
        from bawt_console.model_download import fetched, source_named

        return fetched(self._settings, source_named(self._settings, wanted), progress=progress)


class _Throttle:
    """The progress of a download, passed on to the event loop now and then; raises once it is to stop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tell: Callable[[DownloadState], None],
        stopping: threading.Event,
    ) -> None:
        self._loop = loop
        self._tell = tell
        self._stopping = stopping
        self._phase = ""
        self._first = 0
        self._started = self._told_at = 0.0

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        if self._stopping.is_set():
            raise DownloadStoppedError(
                f"Stopped at {done / 1e6:,.1f} MB.", "Download it again to go on from there."
            )
        now = time.monotonic()
        is_new = phase != self._phase
        if is_new:
            self._phase, self._first, self._started = phase, done, now
        if is_new or done == total or now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            speed = (done - self._first) / max(now - self._started, 0.001)
            state = DownloadState(phase=phase, done=done, total=total, speed=speed)
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._tell, state)


def _of_file(found: "ModelSurvey", file: "ModelFile") -> ShelfModel:
    return ShelfModel(
        wanted=str(file.path),
        name=file.name,
        kind=file.architecture,
        is_server=False,
        is_embedding=file.is_embedding,
        locality="local",
        quantisation=file.quantisation,
        parameters=file.parameters,
        size_bytes=file.size_bytes,
        context_tokens=file.context_tokens,
        needed_bytes=file.needed_bytes,
        fits_memory=file.fits_memory,
        is_usable=file.is_usable,
        reason=file.reason,
        taken_for=next((use for use, taken in found.taken.items() if taken == file), ""),
    )


def _of_server(found: "ModelSurvey") -> ShelfModel | None:
    server = found.server
    if server is None:
        return None
    return ShelfModel(
        wanted=f"openai:{server.name}",
        name=server.name or server.server,
        kind=server.server,
        is_server=True,
        is_embedding=False,
        locality="" if server.locality is None else str(server.locality),
        quantisation="",
        parameters=0,
        size_bytes=0,
        context_tokens=server.context_tokens,
        needed_bytes=0,
        fits_memory=True,
        is_usable=not server.reason,
        reason=server.reason,
        taken_for="text" if found.server_is_taken else "",
    )
