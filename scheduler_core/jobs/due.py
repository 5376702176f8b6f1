"""Schedule arithmetic for interval jobs, and the stable jitter: pure functions without clock or database.

Times are aware and in UTC, to the microsecond. `db/sql/claim_due.sql` holds the same arithmetic as
`next_slot`, because the claim must not leave the database; a test keeps the two equal. Cron expressions
are the business of `cron.py`.
"""

from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

__all__ = ["jitter_of", "next_slot"]

MICROSECOND = timedelta(microseconds=1)


def next_slot(slot: datetime, *, every: timedelta, now: datetime) -> tuple[datetime, int]:
    """The slot after `now` on the grid that starts at `slot`, and how many slots between the two are missed.

    A slot at exactly `now` is due, so it counts as missed and the answer is later than `now`. A slot that
    still lies ahead is its own answer. Nothing is rounded, so the grid never drifts.

    Args:
        slot: the slot being claimed; it is not counted as missed itself.
        every: the length of the interval, more than zero.

    Raises:
        ValueError: a time without a zone, or an interval that is not positive.
        OverflowError: the next slot lies beyond the year 9999.
    """
    if slot.tzinfo is None or now.tzinfo is None:
        raise ValueError("A slot needs times with a zone.")
    if every <= timedelta(0):
        raise ValueError("An interval must be more than zero.")
    if slot > now:
        return slot, 0
    missed = (now - slot) // every
    return slot + every * (missed + 1), missed


def jitter_of(job_id: UUID, most: timedelta) -> timedelta:
    """How long this job waits after each of its slots: at least zero, less than `most`, always the same.

    It spreads jobs that share a slot evenly. It depends on the id alone, so every node, release and
    platform agrees on it; it delays the start and never moves the grid. Zero for a `most` of zero.

    Raises:
        ValueError: `most` is negative.
    """
    if most < timedelta(0):
        raise ValueError("A jitter cannot be negative.")
    share = int.from_bytes(blake2b(job_id.bytes, digest_size=8).digest(), "big")
    return MICROSECOND * ((most // MICROSECOND * share) >> 64)
