"""The errors a person may see.

Each carries a title (one sentence: what is wrong), a hint (what to do about it) and a short id that
appears both in the log and on the screen, so that the two can be matched. Nothing personal and no secret
belongs in a title or a hint: they are logged and shown as they are.
"""

import secrets
import traceback

__all__ = [
    "ConfigError",
    "DataError",
    "DatabaseError",
    "DatabaseTooNewError",
    "DatabaseUnreachableError",
    "EmbeddedServerError",
    "ForeignDatabaseError",
    "ModelError",
    "NotFoundError",
    "RunError",
    "SchedulerError",
    "StateError",
    "frames_of",
]


class SchedulerError(Exception):
    """Base of everything this package raises on purpose.

    Args:
        title: one sentence that says what is wrong.
        hint: one sentence that says what to do; may be empty.

    Attributes:
        error_id: eight hexadecimal characters, fresh for each instance.
        has_more_in_log: whether the id leads anywhere. What somebody typed wrong needs none: the sentence
            says all there is to know.
    """

    exit_code = 1
    has_more_in_log = True

    def __init__(self, title: str, hint: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.hint = hint
        self.error_id = secrets.token_hex(4)

    def __str__(self) -> str:
        return f"{self.title} {self.hint}".rstrip()


class ConfigError(SchedulerError):
    """A setting, an option or an argument cannot be used."""

    exit_code = 2
    has_more_in_log = False


class DataError(SchedulerError):
    """Input data is malformed; nothing of the malformed part was stored."""

    exit_code = 2
    has_more_in_log = False


class NotFoundError(SchedulerError):
    """The named job, run, entity or model does not exist."""

    exit_code = 2
    has_more_in_log = False


class StateError(SchedulerError):
    """The object is no longer in the state the action expected; nothing was changed."""

    exit_code = 2
    has_more_in_log = False


class DatabaseError(SchedulerError):
    """The database answered, but could not do what was asked."""

    exit_code = 3


class DatabaseUnreachableError(DatabaseError):
    """No answer from the database."""


class DatabaseTooNewError(DatabaseError):
    """The schema was made by a later release; this one would damage it."""

    exit_code = 2


class ForeignDatabaseError(DatabaseError):
    """Another application's tables are where ours would be; nothing of ours was made beside them."""

    exit_code = 2

    def __init__(self, label: str) -> None:
        super().__init__(
            f"The database at {label} holds tables of an llm-bawt service, so nothing was changed in it.",
            "Look with `bawt-console doctor`, watch its jobs with `bawt-console --attach`, or let maintenance"
            " work on copies with `bawt-console adopt --dry-run`.",
        )


class EmbeddedServerError(DatabaseError):
    """The private PostgreSQL cannot be installed, started or stopped."""


class ModelError(SchedulerError):
    """A model cannot be loaded or used."""


class RunError(SchedulerError):
    """A handler gives up on its run; the title becomes the run's `error_message`.

    Args:
        retryable: whether another attempt could succeed. A wrong configuration is not retryable.
        pause_job: a circuit breaker tripped: the job is paused, with the title as the reason.
    """

    def __init__(
        self, title: str, hint: str = "", *, retryable: bool = True, pause_job: bool = False
    ) -> None:
        super().__init__(title, hint)
        self.retryable = retryable
        self.pause_job = pause_job


def frames_of(error: BaseException) -> str:
    """Where a foreign exception came from, for the log: the frames without its message, which may quote a
    person's text."""
    return "".join(traceback.format_tb(error.__traceback__))
