"""Which model a run of maintenance gets: a local file, a server on this machine, a remote one, or none.

The order is `PROFILE_MAINTENANCE_MODEL` if set, alone and without a way out; else the best local file that
fits; else the OpenAI-compatible server, which is remote only where that is allowed; else none. Whatever is
passed over is logged with its reason. It is asked anew before each run, so no restart is needed.
"""

import asyncio
import logging

from scheduler_core.errors import ModelError
from scheduler_core.llm.local import LocalModels
from scheduler_core.llm.openai import OpenAiModel
from scheduler_core.llm.openai_embeddings import OpenAiEmbeddings
from scheduler_core.llm.openai_server import OpenAiServer, ServerModel
from scheduler_core.llm.provider import EmbeddingModel, TextModel

log = logging.getLogger(__name__)

SERVER_PREFIX = "openai:"


def server_model(wanted: str) -> str | None:
    """The server's model that `PROFILE_MAINTENANCE_MODEL` or `EMBEDDING_MODEL` names as `openai:NAME`.

    `openai:` alone gives the empty name, for the server's own setting; None means a local file or nothing.
    """
    bare = wanted.strip()
    if not bare.casefold().startswith(SERVER_PREFIX):
        return None
    return bare[len(SERVER_PREFIX) :].strip()


class ModelChooser:
    """Chooses, keeps what it chose while it is the choice, and closes it.

    Args:
        local: the local files; owned by the chooser from now on.
        server: None if none is configured.
        wanted: `PROFILE_MAINTENANCE_MODEL`.
        wanted_embedding: `EMBEDDING_MODEL`.
    """

    def __init__(
        self,
        *,
        local: LocalModels,
        server: OpenAiServer | None,
        wanted: str = "",
        wanted_embedding: str = "",
    ) -> None:
        self._local = local
        self._server = server
        self._wanted = server_model(wanted)
        self._wanted_embedding = server_model(wanted_embedding)
        self._embeddings: OpenAiEmbeddings | None = None
        self._from_server: OpenAiModel | None = None
        self._name: str | None = None
        self._lock = asyncio.Lock()

    @property
    def name(self) -> str | None:
        """The model in use and where it runs, as screens show it: `NAME local` or `NAME remote`."""
        return self._name

    @property
    def process_ids(self) -> tuple[int, ...]:
        """The processes that hold local models now."""
        return self._local.process_ids

    async def look(self) -> None:
        """Chooses anew without loading anything and without asking a server, so a name may be missing.

        Raises:
            ModelError: the configured model cannot be used.
        """
        async with self._lock:
            self._name = None
            if self._wanted is None and await self._local.look() is not None:
                self._name = self._local.name
                return
            try:
                server = self._server if self._wanted is None else self._required_server(self._wanted)
                if server is None:
                    return
                where = await server.locality(self._wanted or "")
                self._name = f"{self._wanted or server.model or server.label} {where}"
            except ModelError as error:
                self._pass_over(error)

    async def current(self) -> TextModel | None:
        """The model for the next run, checked; None when there is none and none was asked for by name.

        Raises:
            ModelError: the configured model cannot be used.
        """
        async with self._lock:
            self._name = None
            if self._wanted is None and (model := await self._local.current()) is not None:
                self._name = self._local.name
                await self._replace(None)
                return model
            try:
                server = self._server if self._wanted is None else self._required_server(self._wanted)
                if server is not None:
                    return await self._keep(await server.text_model(self._wanted or ""))
            except ModelError as error:
                # Another run may still be using what was chosen for it.
                self._pass_over(error)
            return None

    async def embedder(self) -> EmbeddingModel | None:
        """The embedding model for the next run: a local file, else the server's; None when there is none and
        none was asked for by name. It stays ours: do not close it.

        Raises:
            ModelError: the configured model cannot be used.
        """
        async with self._lock:
            wanted = self._wanted_embedding
            if wanted is None and (model := await self._local.embedder()) is not None:
                return model
            if wanted is None and (self._server is None or not self._server.has_embeddings):
                return None
            try:
                server = self._server or self._required_server(wanted or "")
                before, self._embeddings = self._embeddings, None
                self._embeddings = await server.embeddings(wanted or "", before=before)
            except ModelError as error:
                if wanted is not None:
                    raise
                log.warning("The model server's embeddings are passed over: %s", error)
            return self._embeddings

    async def standing(self) -> ServerModel | None:
        """The server as a line of a list of models; None if none is configured. Asks the server."""
        return None if self._server is None else await self._server.standing(self._wanted or "")

    async def aclose(self) -> None:
        """Closes whatever was chosen."""
        async with self._lock:
            await self._replace(None)
            embeddings, self._embeddings = self._embeddings, None
            if embeddings is not None:
                await embeddings.aclose()
            await self._local.aclose()

    def _required_server(self, wanted: str) -> OpenAiServer:
        if self._server is None:
            raise ModelError(
                f"The model {SERVER_PREFIX}{wanted} needs a server, and none is configured.",
                "Set LLM_BAWT_OPENAI_BASE_URL.",
            )
        return self._server

    def _pass_over(self, error: ModelError) -> None:
        """Says why the server gives no model; raises if it was the one that had to."""
        if self._wanted is not None:
            raise error
        log.warning("The model server is passed over: %s", error)

    async def _keep(self, opened: OpenAiModel) -> OpenAiModel:
        """What is in use already, if the newly opened one is the same."""
        kept = self._from_server
        if kept is not None and kept.info == opened.info:
            await opened.aclose()
            self._name = f"{kept.info.name} {kept.info.locality}"
            return kept
        await self._replace(opened)
        return opened

    async def _replace(self, model: OpenAiModel | None) -> None:
        before, self._from_server = self._from_server, model
        if before is not None:
            await before.aclose()
        if model is not None:
            info = model.info
            self._name = f"{info.name} {info.locality}"
            log.info("The model %s of the server is used; it is %s.", info.name, info.locality)
