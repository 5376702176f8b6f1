"""A model that a host brings along: it is the model of every run, and nothing is looked for."""

from scheduler_core.llm.provider import EmbeddingModel, TextModel


class GivenModel:
    """Stands where a `ModelChooser` stands.

    Args:
        model: loaded or loadable; it stays the host's, so it is not closed here.
    """

    def __init__(self, model: TextModel) -> None:
        self._model = model

    @property
    def name(self) -> str | None:
        """As screens show it: `NAME local` or `NAME remote`."""
        info = self._model.info
        return f"{info.name} {info.locality}"

    @property
    def process_ids(self) -> tuple[int, ...]:
        """None: what the model takes is the host's own."""
        return ()

    async def look(self) -> None:
        """There is nothing to look for."""

    async def current(self) -> TextModel | None:
        return self._model

    async def embedder(self) -> EmbeddingModel | None:
        """None: memories are then compared by their wording."""
        return None

    async def aclose(self) -> None:
        """There is nothing of ours to close."""
