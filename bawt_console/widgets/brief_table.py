"""The columns of a brief: what to look at, the worst first."""

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo

from bawt_console.brief import BriefItem
from bawt_console.formatting import local_time, one_line, phrase
from bawt_console.widgets.columns import Column
from bawt_console.widgets.table import LiveTable


def brief_table(
    *,
    now: Callable[[], datetime],
    zone: tzinfo | None,
    id: str,  # noqa: A002 - Textual's own name
) -> LiveTable[BriefItem]:
    """A table with one row a thing to look at."""
    return LiveTable(_columns(zone), key=_key, now=now, id=id)


def brief_row(item: BriefItem) -> Mapping[str, object]:
    """A line of the brief as an export has it."""
    return {
        "what": item.word,
        "at": item.at,
        "job_type": item.name,
        "bot_id": item.bot,
        "says": item.says.plain,
        "run_id": None if item.run is None else str(item.run.id),
        "job_id": str(item.job.id) if item.job is not None else None,
    }


def _key(item: BriefItem) -> tuple[str, object]:
    # A run may stand here twice under different marks, such as suspicious and undone.
    return (
        item.word,
        item.run.id if item.run is not None else item.job.id if item.job is not None else item.name,
    )


def _columns(zone: tzinfo | None) -> tuple[Column[BriefItem], ...]:
    return (
        Column(title="What", cell=lambda row, now: row.mark, width=12, keep=100),
        Column(title="When", cell=lambda row, now: phrase(local_time(row.at, now, zone)), width=12, keep=90),
        Column(
            title="Job",
            cell=lambda row, now: phrase(row.name),
            width=14,
            most=40,
            natural=lambda row: one_line(row.name, limit=40),
            keep=99,
        ),
        Column(
            title="Bot",
            cell=lambda row, now: phrase(row.bot),
            width=5,
            most=20,
            natural=lambda row: one_line(row.bot, limit=20),
            keep=95,
        ),
        Column(
            title="Says",
            cell=lambda row, now: row.says,
            width=16,
            most=400,
            natural=lambda row: one_line(row.says.plain, limit=400),
            keep=98,
        ),
    )
