"""The OpenAI-compatible server of the settings: what it offers, and the models it gives.

Whether it is on this machine is found out anew for every model that is opened, and then enforced for every
connection of that model, so that a run never records a locality that was not kept.
"""

import asyncio
import logging
from dataclasses import dataclass

from pydantic import SecretStr

from scheduler_core.errors import ModelError
from scheduler_core.llm.endpoint import (
    Addresses,
    Endpoint,
    RemoteRefusedError,
    is_loopback,
    locate,
    system_addresses,
)
from scheduler_core.llm.models import Verdict
from scheduler_core.llm.openai import OpenAiModel, runs_elsewhere
from scheduler_core.llm.openai_answer import CallError, OfferedModel, offered_models
from scheduler_core.llm.openai_client import OpenAiClient, RetryPolicy
from scheduler_core.llm.openai_embeddings import OpenAiEmbeddings
from scheduler_core.llm.provider import Locality

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How long the list of models and the name's addresses may take."""

EMBEDDING_SECONDS = 60.0
"""How long the first vector may take, the loading of the model included."""

_LIST_BYTES = 4 * 1024 * 1024
_SHOWN_NAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerModel:
    """The server as one line of a list of models.

    Attributes:
        name: the model that would be used; empty if that is not known.
        server: `HOST:PORT`.
        locality: None if the server's name has no address.
        reason: why it is rejected; else empty.
        context_tokens: prompt and answer together; 0 if it is rejected.
    """

    name: str
    server: str
    locality: Locality | None
    verdict: Verdict
    reason: str
    context_tokens: int


class OpenAiServer:
    """The configured server.

    Args:
        model: used where none is asked for; empty takes the only one the server offers.
        embedding_model: empty for none.
        allow_remote: whether text may go to another machine.
        context_tokens: at most so many, prompt and answer together.
        retries, addresses: as for `OpenAiClient`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        key: SecretStr,
        model: str,
        embedding_model: str,
        allow_remote: bool,
        context_tokens: int,
        retries: RetryPolicy | None = None,
        addresses: Addresses = system_addresses,
    ) -> None:
        self._endpoint = endpoint
        self._key = key
        self._model = model
        self._embedding_model = embedding_model
        self._allow_remote = allow_remote
        self._context_tokens = context_tokens
        self._retries = retries or RetryPolicy()
        self._addresses = addresses

    @property
    def label(self) -> str:
        return self._endpoint.label

    @property
    def model(self) -> str:
        """The configured model; empty if none is named."""
        return self._model

    @property
    def has_embeddings(self) -> bool:
        return bool(self._embedding_model)

    async def locality(self, model: str = "") -> Locality:
        """Where the text would go if this model were used; looks the server's name up, sends nothing.

        Raises:
            RemoteRefusedError: elsewhere, and that is not allowed.
            ModelError: the name has no address, or the server on this machine passes the text on.
        """
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                where, found = await locate(self._endpoint, self._addresses)
        except TimeoutError:
            raise ModelError(f"The address of {self.label} was not found in time.") from None
        if where is Locality.REMOTE and not self._allow_remote:
            raise RemoteRefusedError(self._endpoint, next(one for one in found if not is_loopback(one)))
        if not runs_elsewhere(model or self._model):
            return where
        if not self._allow_remote:
            raise ModelError(
                f"The model {model or self._model} runs in Ollama's cloud, "
                "and remote models are not allowed.",
                "Choose one that runs here, or set LLM_BAWT_ALLOW_REMOTE_MODELS=true.",
            )
        return Locality.REMOTE

    async def text_model(self, model: str = "") -> OpenAiModel:
        """The model of that name, else the configured one, else the only one; the server was asked for it.

        Raises:
            ModelError: the server may not be used, does not answer, or has no such model.
        """
        locality = await self.locality(model)
        client = self._client(locality)
        try:
            offered = await self._offered(client, may_lack=bool(model or self._model))
            chosen = self._choose(offered, model or self._model)
            # The only one may be one that the server passes on.
            locality = await self.locality(chosen.name) if locality is Locality.LOCAL else locality
        except BaseException:
            await client.aclose()
            raise
        if locality is Locality.REMOTE and self._endpoint.scheme == "http":
            logger.warning("What is sent to the model server %s is not encrypted on its way.", self.label)
        return OpenAiModel(
            client,
            name=chosen.name,
            locality=locality,
            context_tokens=min(self._context_tokens, chosen.context_tokens or self._context_tokens),
        )

    async def embeddings(
        self, model: str = "", *, before: OpenAiEmbeddings | None = None
    ) -> OpenAiEmbeddings:
        """The model of that name, else the configured one; the length of its vectors is known.

        Args:
            before: what an earlier call gave: returned if it is still right, else closed.

        Raises:
            ModelError: none is configured, or the server may not be used, or makes no vectors.
        """
        name = model or self._embedding_model
        opened: OpenAiEmbeddings | None = None
        try:
            if not name:
                raise ModelError(
                    "No embedding model of the server is named.", "Set LLM_BAWT_OPENAI_EMBEDDING_MODEL."
                )
            locality = await self.locality(name)
            if before is not None and (before.info.name, before.info.locality) == (name, locality):
                opened, before = before, None
            else:
                opened = OpenAiEmbeddings(self._client(locality), name=name, locality=locality)
            await opened.prepare(timeout=EMBEDDING_SECONDS)
        except BaseException:
            if opened is not None:
                await opened.aclose()
            raise
        finally:
            if before is not None:
                await before.aclose()
        return opened

    async def standing(self, model: str = "") -> ServerModel:
        """What would come of `text_model` now, for showing. Asks the server; never raises ModelError."""
        locality: Locality | None = None
        try:
            locality = await self.locality(model)
            opened = await self.text_model(model)
        except ModelError as error:
            return ServerModel(
                name=model or self._model,
                server=self.label,
                locality=Locality.REMOTE if self._leads_elsewhere(error, model) else locality,
                verdict=Verdict.REJECTED,
                reason=error.title,
                context_tokens=0,
            )
        await opened.aclose()
        return ServerModel(
            name=opened.info.name,
            server=self.label,
            locality=opened.info.locality,
            verdict=Verdict.USABLE,
            reason="",
            context_tokens=opened.info.context_tokens,
        )

    def _leads_elsewhere(self, error: ModelError, model: str) -> bool:
        return isinstance(error, RemoteRefusedError) or runs_elsewhere(model or self._model)

    def _client(self, allowed: Locality) -> OpenAiClient:
        return OpenAiClient(
            self._endpoint,
            allowed=allowed,
            key=self._key,
            retries=self._retries,
            addresses=self._addresses,
        )

    async def _offered(self, client: OpenAiClient, *, may_lack: bool) -> tuple[OfferedModel, ...] | None:
        """The server's list; None if it has no such list and one can do without."""
        deadline = asyncio.get_running_loop().time() + LOOK_SECONDS

        async def ask() -> tuple[OfferedModel, ...]:
            return offered_models(await client.get("/models", limit=_LIST_BYTES))

        try:
            async with asyncio.timeout(LOOK_SECONDS):
                # Somebody may be waiting for it, and the next run asks again anyway.
                return await client.retrying(ask, deadline=deadline, most=2)
        except TimeoutError:
            raise ModelError(
                f"The model server {self.label} did not answer within {LOOK_SECONDS:g} seconds.",
                "Check that it runs.",
            ) from None
        except CallError as error:
            if may_lack and error.status == 404:
                return None
            raise ModelError(error.sentence, f"The model server is {self.label}.") from error

    def _choose(self, offered: tuple[OfferedModel, ...] | None, wanted: str) -> OfferedModel:
        if offered is None:
            return OfferedModel(name=wanted, context_tokens=None)
        # Ollama lists `llama3:latest` and also answers to `llama3`.
        for model in offered:
            if wanted and wanted in (model.name, model.name.removesuffix(":latest")):
                return model
        if not wanted and len(offered) == 1:
            return offered[0]
        names = ", ".join(model.name for model in offered[:_SHOWN_NAMES]) or "none"
        more = f" and {len(offered) - _SHOWN_NAMES} more" if len(offered) > _SHOWN_NAMES else ""
        if wanted:
            raise ModelError(
                f"The model server {self.label} has no model {wanted}.", f"It offers: {names}{more}."
            )
        raise ModelError(
            f"The model server {self.label} offers {len(offered)} models, and none is named.",
            f"Set LLM_BAWT_OPENAI_MODEL to one of: {names}{more}.",
        )
