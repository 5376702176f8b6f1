"""What all screens look at: the source, the clock, the nodes, the keys, the saved views.

The app writes it, the screens read it. Rows of a screen are the screen's own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING
from uuid import UUID

from bawt_console.actions import Keys, action
from bawt_console.formatting import Phrase, Tone, phrase, utc_now
from bawt_console.key_names import written
from bawt_console.views import Views
from bawt_console.widgets.header import Standing
from scheduler_core.domain import Node
from scheduler_core.errors import SchedulerError

if TYPE_CHECKING:
    from bawt_console.source import Link, Source


@dataclass(slots=True, kw_only=True)
class Desk:
    """See the module.

    Attributes:
        zone: for local times; None means the machine's own.
        source: None until it was opened.
        opening: what the start is doing, in words.
        failure: why the start failed; None while it goes on and after it succeeded.
        keys: other keys than the actions' own.
    """

    now: Callable[[], datetime] = utc_now
    zone: tzinfo | None = None
    source: "Source | None" = None
    nodes: tuple[Node, ...] = ()
    opening: str = "Opening the database"
    failure: SchedulerError | None = None
    keys: Keys = field(default_factory=dict)
    views: Views = field(default_factory=Views)

    @property
    def link(self) -> "Link | None":
        return None if self.source is None else self.source.link()

    @property
    def stale(self) -> bool:
        """Whether the data on the screen may be old."""
        link = self.link
        return link is not None and not link.connected

    @property
    def node_names(self) -> dict[UUID, str]:
        return {node.id: node.name for node in self.nodes}

    def key(self, action_id: str) -> str:
        """The key of an action as this person has it, for a sentence."""
        return written((self.keys.get(action_id) or action(action_id).keys)[0])

    def way(self, action_id: str, text: str) -> Phrase:
        """A key and what it does, for a hint."""
        return phrase(self.key(action_id), Tone.ACCENT) + phrase(f" {text}", Tone.MUTED)

    def standing(self, *, frozen: bool = False) -> Standing:
        source = self.source
        return Standing(
            label=source.label if source else "",
            mode=source.mode if source else "",
            model=source.model if source else None,
            nodes=self.nodes,
            link=self.link,
            frozen=frozen,
            read_only=source is not None and source.read_only,
        )
