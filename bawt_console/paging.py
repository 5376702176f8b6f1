"""Rows of a long list, read a page at a time by key. The database narrows and orders them."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

PAGE = 300
LONGEST_LIST = 10_000

# A page behind a row, or the first one, of at most so many rows.
Fetch = Callable[[T | None, int], Awaitable[list[T]]]


class Pages(Generic[T]):
    """What has been read of one list.

    Args:
        key: what identifies a row.
    """

    def __init__(self, key: Callable[[T], Hashable]) -> None:
        self._key = key
        self.rows: tuple[T, ...] = ()
        self.is_complete = False
        self.is_loaded = False

    @property
    def is_full(self) -> bool:
        """Whether no more is read although there is more."""
        return not self.is_complete and len(self.rows) >= LONGEST_LIST

    async def read_anew(self, fetch: Fetch[T], *, keep: bool) -> None:
        """Reads from the beginning.

        Args:
            keep: as many rows as before, because they may be looked at; else one page.
        """
        limit = max(PAGE, len(self.rows)) if keep else PAGE
        rows = await fetch(None, limit)
        self.rows = tuple(rows)
        self.is_complete = len(rows) < limit
        self.is_loaded = True

    async def read_on(self, fetch: Fetch[T]) -> None:
        """Reads one more page, if there is more and the list is not too long."""
        if self.is_complete or self.is_full or not self.rows:
            return
        limit = min(PAGE, LONGEST_LIST - len(self.rows))
        page = await fetch(self.rows[-1], limit)
        known = {self._key(row) for row in self.rows}
        self.rows += tuple(row for row in page if self._key(row) not in known)
        self.is_complete = len(page) < limit
