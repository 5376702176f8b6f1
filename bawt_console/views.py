"""Saved views: a screen, its filter and its order under a name, in a small file beside the settings.

It knows no screen. A file that cannot be read counts as empty and is never overwritten.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from scheduler_core.errors import ConfigError, NotFoundError

VIEWS_FILE = Path("~/.config/llm-bawt/views.json")
MOST_VIEWS = 200
LARGEST_FILE = 1_000_000

LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class View:
    """What is shown: the screen's id, its filter as typed, its order by name."""

    screen: str
    filter: str = ""
    order: str = ""

    def __str__(self) -> str:
        told = [self.screen]
        if self.filter:
            told.append(f"filter {self.filter}")
        if self.order:
            told.append(f"sort {self.order}")
        return ", ".join(told)


class Views:
    """The views of one file; read at every use, because another console may have saved one."""

    def __init__(self, path: Path = VIEWS_FILE) -> None:
        self._path = path.expanduser()

    def names(self) -> list[str]:
        """Sorted; empty when the file cannot be read."""
        try:
            return sorted(self._read())
        except ConfigError:
            return []

    def told(self) -> str:
        """Which there are, as a sentence.

        Raises:
            ConfigError: the file cannot be read.
        """
        views = self._read()
        return f"Views: {', '.join(sorted(views))}." if views else "There are no views; save NAME keeps one."

    def find(self, name: str) -> View:
        """
        Raises:
            NotFoundError: nothing was saved under the name.
            ConfigError: the file cannot be read.
        """
        views = self._read()
        if name not in views:
            hint = f"There are: {', '.join(sorted(views))}." if views else "Save one with: save NAME"
            raise NotFoundError(f"There is no view {name[:40]!r}.", hint)
        return views[name]

    def save(self, name: str, view: View) -> View | None:
        """
        Returns:
            What was saved under the name before, and is gone now.

        Raises:
            ConfigError: it is no name, there are too many, or the file cannot be read or written.
        """
        # Nothing that cannot be seen, or that turns what follows around.
        if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or " " in name:
            raise ConfigError(
                f"The name of a view is one word of up to {LONGEST_NAME} letters.", "Write: save night"
            )
        before = self._read()
        views = before | {name: view}
        if len(views) > MOST_VIEWS:
            raise ConfigError(f"There are {MOST_VIEWS} views already.", "Delete one with: forget NAME")
        self._write(views)
        return before.get(name)

    def forget(self, name: str) -> None:
        """As `find`, and deletes it."""
        self.find(name)
        self._write({key: view for key, view in self._read().items() if key != name})

    def _read(self) -> dict[str, View]:
        try:
            if self._path.stat().st_size > LARGEST_FILE:
                raise ValueError
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            if not isinstance(stored, Mapping):
                raise TypeError
            return {str(name): _view_of(item) for name, item in stored.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, RecursionError):
            raise ConfigError(f"{self._path} cannot be read.", "Correct it, or move it away.") from None

    def _write(self, views: Mapping[str, View]) -> None:
        text = json.dumps({name: asdict(view) for name, view in views.items()}, indent=2, sort_keys=True)
        beside = self._path.with_suffix(f".{os.getpid()}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(text + "\n", encoding="utf-8")
            beside.replace(self._path)
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be written: {error.strerror}.") from None


def _view_of(item: object) -> View:
    if not isinstance(item, Mapping):
        raise TypeError
    known = {name: item.get(name, "") for name in ("screen", "filter", "order")}
    if not all(isinstance(value, str) for value in known.values()):
        raise TypeError
    return View(**known)
