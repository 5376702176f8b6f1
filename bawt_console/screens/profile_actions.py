"""What can be done to a profile: making an earlier version live again, and pinning attributes."""

from typing import TYPE_CHECKING

from bawt_console.formatting import Tone, local_time, phrase
from bawt_console.screens.dialogs import ConfirmScreen
from bawt_console.screens.live import LiveScreen
from bawt_console.widgets.diff import counts
from bawt_console.widgets.profile_table import attribute_text
from scheduler_core.domain import Attribute, Entity, ProfileVersion

if TYPE_CHECKING:
    from bawt_console.records import FoundVersion, ProfileSnapshot


def ask_roll_back(
    screen: LiveScreen, found: "FoundVersion", snapshot: "ProfileSnapshot", live: ProfileVersion | None
) -> None:
    """Asks, then makes an earlier version live; refused if a newer one was published while it was asked."""
    source, version, entity = screen.source, found.version, found.version.entity
    newest = 0 if snapshot.version is None else snapshot.version.version
    added, removed = counts(live, version)

    async def roll_back() -> str:
        try:
            _, made = await source.records.roll_back(entity, version.version, newest=newest)
        finally:
            # Also when somebody else was faster.
            screen.reread()
        return f"{entity} says again what version {version.version} said; this is version {made.version}."

    def answered(yes: bool | None) -> None:
        if yes:
            screen.act(roll_back)

    when = local_time(version.created_at, screen.desk.now(), screen.desk.zone)
    kept = f"version {live.version}" if live is not None else "the live summary"
    what = phrase(str(entity), Tone.STRONG) + phrase(f"   {kept} → version {version.version} of {when}")
    how_much = phrase(f"+{added}", Tone.ADDED) + phrase(" ") + phrase(f"−{removed}", Tone.REMOVED)
    effect = (
        f"It becomes version {newest + 1}, and maintenance leaves it until an attribute changes. "
        "The audit keeps it, and undoing its run takes it back."
    )
    dialog = ConfirmScreen(
        title=f"Roll back to version {version.version}?",
        lines=[what, how_much + phrase(" sentences"), phrase(effect, Tone.MUTED)],
        deed="Roll back",
        refusal=f"Keep {kept}",
    )
    screen.app.push_screen(dialog, answered)


def set_pin(screen: LiveScreen, entity: Entity, attribute: Attribute, *, pinned: bool) -> None:
    """Pins or unpins at once; the other one takes it back."""
    source = screen.source

    async def work() -> str:
        try:
            await source.records.pin(entity, attribute.id, pinned=pinned)
        finally:
            # Also when somebody else was faster.
            screen.reread()
        what = f"[{attribute.id}] {attribute_text(attribute)}"
        if pinned:
            return f"Pinned {what}. The next run keeps it in the summary."
        return f"Unpinned {what}. The next run judges it again."

    screen.act(work)
