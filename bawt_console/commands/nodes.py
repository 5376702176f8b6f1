"""`bawt-console nodes`: who runs jobs."""

import click

from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import plain, print_json, print_note, print_table


@click.group(short_help="List who runs jobs.")
def nodes() -> None:
    """Nodes: the schedulers on this database, what each runs, and when it was last heard of."""


@nodes.command("list")
@shared_options
@click.pass_obj
def list_nodes(options: Options) -> None:
    """Nodes that live or are lost, and those that stopped within a day."""

    async def work(session: Session) -> None:
        from scheduler_core.db.lookback import Lookback

        found = await session.history.nodes()
        running = await Lookback(session.database).running_runs()
        now = await session.history.now()
        runs = {node.id: [run for run in running if run.node_id == node.id] for node in found}
        if options.json:
            for node in found:
                seconds = (now - node.heartbeat_at).total_seconds()
                print_json(plain(node) | {"heartbeat_seconds": seconds, "runs": plain(runs[node.id])})
            return
        from bawt_console.formatting import ago, node_memory, run_mode

        print_table(
            ("STATE", "NODE", "HEARTBEAT", "STARTED", "VERSION", "MODEL", "MEMORY", "RUNS"),
            [
                (
                    str(node.state),
                    node.name,
                    ago(node.heartbeat_at, now),
                    ago(node.started_at, now),
                    node.version,
                    node.model or "none",
                    node_memory(node),
                    ", ".join(
                        " ".join(filter(None, (run.job_type, run.bot_id, run_mode(run), run.progress)))
                        for run in runs[node.id]
                    ),
                )
                for node in found
            ],
        )
        if not found:
            print_note(
                "No scheduler has run on this database for a day; start one with: bawt-console --no-ui"
            )

    in_session(options, work)
