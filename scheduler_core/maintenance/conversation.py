"""Asking one model during one run: how often, how long, and when to stop asking.

It neither words a request nor reads an answer. Nothing is retried here.
"""

from dataclasses import dataclass

from scheduler_core.llm.provider import Completion, FinishReason, Request, TextModel
from scheduler_core.maintenance.reporter import Reporter, Silent

# After this many requests in a row without any answer the run goes on without the model.
PATIENCE = 2
# The model is not at fault for what it said, it said nothing; the next run may ask again.
NO_ANSWER = frozenset(
    {FinishReason.CRASHED, FinishReason.ERROR, FinishReason.TIMEOUT, FinishReason.CANCELLED}
)


@dataclass(slots=True)
class Usage:
    """What the model did in one run; counted up as it goes."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0

    def count(self, completion: Completion) -> None:
        self.calls += 1
        self.tokens_in += completion.tokens_in
        self.tokens_out += completion.tokens_out
        self.seconds += completion.seconds


class Conversation:
    """One run's requests to one model, or to none.

    Args:
        request_timeout: seconds for one answer.
        reporter: hears answers while they are written; None for nobody.
    """

    def __init__(
        self, *, model: TextModel | None, request_timeout: float, reporter: Reporter | None = None
    ) -> None:
        self.model = model
        self._reporter = reporter or Silent()
        self.usage = Usage()
        self._request_timeout = request_timeout
        self._unanswered_in_a_row = 0

    @property
    def gave_up(self) -> bool:
        """Whether the model left too many requests without an answer to be asked again in this run."""
        return self._unanswered_in_a_row >= PATIENCE

    @staticmethod
    def fits(model: TextModel, *, system: str, user: str, max_tokens: int) -> bool:
        """Whether prompt and answer fit the model by its own count, whatever was computed before."""
        used = model.count_tokens(system) + model.count_tokens(user) + max_tokens
        return used <= model.info.context_tokens

    async def ask(self, model: TextModel, *, system: str, user: str, max_tokens: int) -> Completion:
        request = Request(system=system, user=user, max_tokens=max_tokens, timeout=self._request_timeout)
        with self._reporter.writing(max_tokens) as on_token:
            completion = await model.complete(request, on_token=on_token)
        self.usage.count(completion)
        self._unanswered_in_a_row = self._unanswered_in_a_row + 1 if completion.finish in NO_ANSWER else 0
        return completion
