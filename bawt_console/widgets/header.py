"""The first line: which database, who schedules, which model, what time it is, how fresh all this is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from bawt_console.formatting import ATTACHED, Phrase, Tone, clock_time, counted, elapsed, joined, phrase
from bawt_console.widgets.line import Part
from scheduler_core.domain import Node, NodeState

if TYPE_CHECKING:
    from bawt_console.source import Link

SCHEDULER_COMMAND = "bawt-console --no-ui"
NO_MODEL = "no model: template only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the header tells. `link` is None until the database was opened."""

    label: str
    mode: str
    model: str | None
    nodes: Sequence[Node]
    link: "Link | None"
    frozen: bool
    read_only: bool = False


def header_parts(standing: Standing, now: datetime, zone: tzinfo | None) -> list[Part]:
    """The parts, the scheduler's state and the connection's being the last to go."""
    parts = [Part(phrase=phrase("bawt", Tone.ACCENT), keep=20)]
    if standing.link is None:
        return [*parts, Part(phrase=phrase(clock_time(now, zone), Tone.MUTED), right=True, keep=40)]
    parts.append(Part(phrase=phrase(standing.label, Tone.STRONG), keep=75, least=16))
    scheduler, model = _scheduler(standing.nodes), _model(standing)
    parts.append(Part(phrase=phrase("scheduler ", Tone.MUTED) + scheduler, short=scheduler, keep=100))
    if standing.mode == ATTACHED and not is_scheduled(standing.nodes):
        parts.append(Part(phrase=phrase(f"start {SCHEDULER_COMMAND}", Tone.ACCENT), keep=54))
    parts.append(Part(phrase=phrase("model ", Tone.MUTED) + model, short=model, keep=70, least=14))
    if standing.read_only:
        parts.append(Part(phrase=phrase("read-only", Tone.LATE), keep=80))
    else:
        parts.append(Part(phrase=phrase(standing.mode, Tone.MUTED), keep=10))
    if standing.frozen:
        parts.append(Part(phrase=phrase("frozen, f goes on", Tone.LATE), right=True, keep=95))
    parts.append(Part(phrase=phrase(clock_time(now, zone), Tone.MUTED), right=True, keep=55))
    parts.append(Part(phrase=_freshness(standing.link), right=True, keep=90))
    return parts


def is_scheduled(nodes: Sequence[Node]) -> bool:
    """Whether some node starts runs."""
    return any(node.state is NodeState.ACTIVE for node in nodes)


def without_model(nodes: Sequence[Node]) -> bool:
    """Whether somebody schedules, and nobody who does has a model."""
    active = [node for node in nodes if node.state is NodeState.ACTIVE]
    return bool(active) and not any(node.model for node in active)


def _scheduler(nodes: Sequence[Node]) -> Phrase:
    active = sum(node.state is NodeState.ACTIVE for node in nodes)
    draining = sum(node.state is NodeState.DRAINING for node in nodes)
    lost = sum(node.state is NodeState.LOST for node in nodes)
    told = []
    if not active and not draining:
        told.append(phrase("✗ none running", Tone.FAILED))
    if active:
        told.append(phrase(f"● running on {counted(active, 'node')}", Tone.RUNNING))
    if draining:
        told.append(phrase(f"○ {counted(draining, 'node')} stopping", Tone.PAUSED))
    if lost:
        told.append(phrase(f"! {counted(lost, 'node')} lost", Tone.LATE))
    return joined(told, ", ")


def _model(standing: Standing) -> Phrase:
    active = [node for node in standing.nodes if node.state is NodeState.ACTIVE]
    names = sorted({node.model for node in active if node.model})
    if not names and standing.model:
        names = [standing.model]
    if not names:
        return phrase(NO_MODEL, Tone.SUSPICIOUS)
    name, _, locality = names[0].rpartition(" ")
    # Where the text goes stands first, so that it is never what a narrow line cuts off.
    where = {"local": phrase("local ", Tone.OK), "remote": phrase("remote ", Tone.LATE)}.get(locality)
    shown = phrase(names[0]) if where is None else where + phrase(name)
    return shown + phrase(f" and {len(names) - 1} more" if len(names) > 1 else "", Tone.MUTED)


def _freshness(link: "Link") -> Phrase:
    if link.connected:
        return phrase(f"↻ {elapsed(link.age)}", Tone.FAINT)
    retry = "" if link.retry_in is None else f", retry in {int(link.retry_in + 0.999)} s"
    return phrase(f"stale {elapsed(link.age)}{retry}", Tone.LATE)
