"""The columns of the list of nodes, and what there is to say of one node and of the database."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from bawt_console.formatting import (
    NOTHING,
    Phrase,
    Tone,
    ago,
    counted,
    elapsed,
    full_time,
    joined,
    node_memory,
    one_line,
    phrase,
    run_mode,
    size,
)
from bawt_console.widgets.columns import Column
from bawt_console.widgets.line import Part
from bawt_console.widgets.lines import Line
from bawt_console.widgets.run_lines import field
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import Node, NodeRole, NodeState, Run
from scheduler_core.oversight import DatabaseHealth

# A node tells of itself every few seconds; after this many without a word it is worth a look.
QUIET_SECONDS = 15.0
# A transaction open for so long keeps old rows from being cleared away.
LONG_TRANSACTION_SECONDS = 300.0
ALARMING_CONNECTIONS = 0.9

_STATES = {
    NodeState.ACTIVE: ("●", "active", Tone.RUNNING),
    NodeState.DRAINING: ("○", "stopping", Tone.PAUSED),
    NodeState.LOST: ("✗", "lost", Tone.FAILED),
    NodeState.STOPPED: ("–", "stopped", Tone.SKIPPED),
}


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node and what it runs now, the oldest first."""

    node: Node
    runs: tuple[Run, ...] = ()


def node_rows(nodes: Iterable[Node], runs: Iterable[Run]) -> list[NodeRow]:
    """The living first, then the lost, then those that stopped; within that as the database gave them."""
    running = list(runs)
    order = list(_STATES)
    rows = [NodeRow(node, tuple(run for run in running if run.node_id == node.id)) for node in nodes]
    return sorted(rows, key=lambda row: order.index(row.node.state))


def node_table(*, now: Callable[[], datetime], id: str) -> LiveTable[NodeRow]:  # noqa: A002 - Textual's own name
    """A table with one row a node."""
    return LiveTable(_COLUMNS, key=lambda row: row.node.id, now=now, id=id)


def node_state(node: Node) -> Phrase:
    """Glyph, word and tone."""
    glyph, word, tone = _STATES[node.state]
    return phrase(f"{glyph} {word}", tone)


def heartbeat(node: Node, now: datetime) -> Phrase:
    """How long ago the node was last heard of."""
    quiet = (now - node.heartbeat_at).total_seconds()
    awaited = node.state in (NodeState.ACTIVE, NodeState.DRAINING)
    tone = Tone.LATE if awaited and quiet > QUIET_SECONDS else Tone.MUTED
    return phrase(ago(node.heartbeat_at, now), Tone.FAILED if node.state is NodeState.LOST else tone)


def doing(row: NodeRow) -> Phrase:
    """What a node runs, with how far it is."""
    told = []
    for run in row.runs:
        name = phrase(run.job_type) + phrase(f" {run.bot_id}", Tone.MUTED)
        if kind := run_mode(run):
            name += phrase(f" {kind}", Tone.ACCENT)
        told.append(name + phrase(f" {run.progress}" if run.progress else "", Tone.RUNNING))
    if not told and row.node.running and row.node.state is not NodeState.STOPPED:
        return phrase(counted(row.node.running, "run"), Tone.MUTED)
    return joined(told, " · ")


def _model(node: Node) -> Phrase:
    if not node.model:
        stands = node.state in (NodeState.ACTIVE, NodeState.DRAINING)
        return phrase("none: template only", Tone.SUSPICIOUS) if stands else NOTHING
    name, _, locality = node.model.rpartition(" ")
    where = {"local": Tone.OK, "remote": Tone.LATE}.get(locality)
    if where is None or not name:
        return phrase(node.model)
    # Where the text goes stands first, so that a narrow column does not cut it off.
    return phrase(f"{locality} ", where) + phrase(name)


def node_fields(row: NodeRow, now: datetime, zone: tzinfo | None) -> list[Line]:
    """Everything known of one node."""
    node = row.node
    lines = [
        field("node", phrase(node.name, Tone.STRONG)),
        field("state", node_state(node)),
        field("heartbeat", phrase(full_time(node.heartbeat_at, zone)) + phrase("  ") + heartbeat(node, now)),
        field(
            "started",
            phrase(full_time(node.started_at, zone)) + phrase(f"  {ago(node.started_at, now)}", Tone.MUTED),
        ),
        field("runs", phrase(counted(node.running, "run"))),
        field("model", _model(node) or phrase("–", Tone.FAINT)),
        field("memory", phrase(node_memory(node))),
        field("version", node.version),
        field("job types", ", ".join(sorted(node.job_types)) or "none"),
        field("id", phrase(str(node.id), Tone.MUTED)),
    ]
    if node.queue != "in-process":
        part = "schedules and works" if node.role is NodeRole.BOTH else f"is a {node.role}"
        places = f", {counted(node.capacity, 'place')}" if node.capacity else ""
        lines.insert(-1, field("takes part", phrase(f"{part}, by {node.queue}{places}")))
    if node.state is NodeState.LOST:
        told = "It has not been heard of since. What it ran is taken over by another node."
        lines.insert(2, field("", phrase(told, Tone.LATE)))
    return lines


def node_row(row: NodeRow) -> Mapping[str, object]:
    """A node as an export has it."""
    node = row.node
    return {
        "id": str(node.id),
        "name": node.name,
        "state": str(node.state),
        "version": node.version,
        "started_at": node.started_at,
        "heartbeat_at": node.heartbeat_at,
        "running": node.running,
        "runs": [str(run.id) for run in row.runs],
        "model": node.model,
        "memory_bytes": node.memory_bytes,
        "job_types": list(node.job_types),
    }


def health_mark(health: DatabaseHealth) -> Phrase:
    """Whether something is wrong with the database, and what."""
    troubles = []
    if health.waiting:
        troubles.append(f"{counted(health.waiting, 'session')} waiting for a lock")
    if health.oldest_transaction_seconds > LONG_TRANSACTION_SECONDS:
        troubles.append(f"a transaction open for {elapsed(health.oldest_transaction_seconds)}")
    if health.connections >= health.most_connections * ALARMING_CONNECTIONS:
        troubles.append("hardly a connection left")
    return phrase("✓ healthy", Tone.OK) if not troubles else phrase(f"! {', '.join(troubles)}", Tone.LATE)


def health_parts(health: DatabaseHealth, now: datetime) -> list[Part]:
    """The database on one line, its trouble being the last to go."""
    return [
        Part(phrase=phrase("database ", Tone.MUTED) + health_mark(health), keep=100),
        Part(phrase=phrase(size(health.size_bytes), Tone.STRONG), keep=95),
        Part(phrase=_connections(health), keep=90),
        Part(phrase=phrase("oldest transaction ", Tone.MUTED) + _oldest(health), keep=70),
        Part(phrase=phrase(f"PostgreSQL {health.version}", Tone.MUTED), keep=60),
        Part(phrase=phrase(f"up {elapsed((now - health.started_at).total_seconds())}", Tone.MUTED), keep=50),
        Part(phrase=phrase(f"schema {health.schema}", Tone.MUTED), keep=40),
    ]


def health_lines(health: DatabaseHealth, label: str, now: datetime, zone: tzinfo | None) -> list[Line]:
    """Everything known of the database."""
    counted_runs = "not counted yet" if health.runs < 0 else f"about {health.runs:,}"
    up = phrase(f"  {ago(health.started_at, now)}", Tone.MUTED)
    lines = [
        field("database", phrase(label, Tone.STRONG)),
        field("health", health_mark(health)),
        field("size", phrase(size(health.size_bytes))),
        field("runs", f"{counted_runs}, {size(health.runs_bytes)}"),
        field("connections", _connections(health)),
        field("waiting", f"{counted(health.waiting, 'session')} for a lock"),
        field("oldest open", _oldest(health) + phrase("  transaction", Tone.MUTED)),
        field("server", f"PostgreSQL {health.version}"),
        field("started", phrase(full_time(health.started_at, zone)) + up),
        field("schema", health.schema),
    ]
    if health.folder:
        lines.append(field("folder", phrase(health.folder, Tone.MUTED)))
    return lines


def _connections(health: DatabaseHealth) -> Phrase:
    many = health.connections >= health.most_connections * ALARMING_CONNECTIONS
    tone = Tone.LATE if many else Tone.PLAIN
    return phrase(f"{health.connections}", tone) + phrase(
        f" of {health.most_connections} connections", Tone.MUTED
    )


def _oldest(health: DatabaseHealth) -> Phrase:
    seconds = health.oldest_transaction_seconds
    tone = Tone.LATE if seconds > LONG_TRANSACTION_SECONDS else Tone.PLAIN
    return phrase(f"{seconds:.1f} s" if seconds < 60 else elapsed(seconds), tone)


_COLUMNS: tuple[Column[NodeRow], ...] = (
    Column(title="State", cell=lambda row, now: node_state(row.node), width=10, keep=100),
    Column(
        title="Node",
        cell=lambda row, now: phrase(row.node.name),
        width=12,
        most=40,
        natural=lambda row: one_line(row.node.name, limit=40),
        keep=99,
    ),
    Column(title="Heartbeat", cell=lambda row, now: heartbeat(row.node, now), width=10, keep=95, right=True),
    Column(
        title="Runs",
        cell=lambda row, now: doing(row),
        width=20,
        most=80,
        natural=lambda row: one_line(doing(row).plain, limit=80),
        keep=90,
    ),
    Column(
        title="Model",
        cell=lambda row, now: _model(row.node),
        width=16,
        most=48,
        natural=lambda row: one_line(_model(row.node).plain, limit=48),
        keep=86,
    ),
    Column(title="Memory", cell=lambda row, now: phrase(node_memory(row.node)), width=8, keep=80, right=True),
    Column(
        title="Started",
        cell=lambda row, now: phrase(ago(row.node.started_at, now), Tone.MUTED),
        width=10,
        keep=70,
        right=True,
    ),
    Column(
        title="Version",
        cell=lambda row, now: phrase(row.node.version, Tone.MUTED),
        width=7,
        most=16,
        natural=lambda row: one_line(row.node.version, limit=16),
        keep=75,
    ),
    Column(
        title="Job types",
        cell=lambda row, now: phrase(", ".join(sorted(row.node.job_types)), Tone.FAINT),
        width=12,
        most=80,
        natural=lambda row: one_line(", ".join(row.node.job_types), limit=80),
        keep=30,
    ),
)
