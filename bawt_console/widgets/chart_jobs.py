"""The jobs that can be charted, all of them together first."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bawt_console.formatting import NOTHING, Phrase, Tone, duration, one_line, percent, phrase
from bawt_console.widgets.columns import Column
from bawt_console.widgets.job_table import ALARMING_SHARE
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import JobOverview

ALL_JOBS = "all jobs"


@dataclass(frozen=True, slots=True)
class Charted:
    """One choice. Without a job it is all of them."""

    overview: JobOverview | None = None

    @property
    def job_id(self) -> UUID | None:
        return None if self.overview is None else self.overview.job.id

    @property
    def name(self) -> str:
        """`TYPE:BOT`, as `:` takes it."""
        job = None if self.overview is None else self.overview.job
        return ALL_JOBS if job is None else f"{job.job_type}:{job.bot_id}"

    @property
    def words(self) -> str:
        job = None if self.overview is None else self.overview.job
        return ALL_JOBS if job is None else f"{job.job_type} {job.bot_id}"


class ChartedJobs(LiveTable[Charted], can_focus=False):
    """One row a choice; the arrow keys are the screen's."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(_COLUMNS, key=lambda row: row.job_id, id=id)


def _name(row: Charted, now: datetime) -> Phrase:
    if row.overview is None:
        return phrase(ALL_JOBS, Tone.STRONG)
    job = row.overview.job
    return phrase(job.job_type, Tone.PLAIN if job.enabled else Tone.MUTED)


def _bot(row: Charted, now: datetime) -> Phrase:
    return NOTHING if row.overview is None else phrase(row.overview.job.bot_id, Tone.MUTED)


def _share(row: Charted, now: datetime) -> Phrase:
    share = None if row.overview is None else row.overview.share_ok
    if share is None:
        return NOTHING
    return phrase(percent(share), Tone.FAILED if share < ALARMING_SHARE else Tone.MUTED)


def _p95(row: Charted, now: datetime) -> Phrase:
    return NOTHING if row.overview is None else phrase(duration(row.overview.p95_ms), Tone.MUTED)


_COLUMNS: tuple[Column[Charted], ...] = (
    Column(
        title="job",
        cell=_name,
        width=12,
        most=24,
        natural=lambda row: "" if row.overview is None else one_line(row.overview.job.job_type),
        keep=100,
    ),
    Column(
        title="bot",
        cell=_bot,
        width=5,
        most=10,
        natural=lambda row: "" if row.overview is None else one_line(row.overview.job.bot_id),
        keep=90,
    ),
    Column(title="ok, 7 d", cell=_share, width=7, keep=60, right=True),
    Column(title="p95", cell=_p95, width=8, keep=50, right=True),
)
