"""`bawt-console audit`: proves that no slot was lost and none ran twice."""

from typing import TYPE_CHECKING

import click

from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import plain, print_json, print_line
from scheduler_core.domain import RunStatus

if TYPE_CHECKING:
    from scheduler_core.db.audit import AuditReport


@click.command("audit", short_help="Prove that no slot was lost or doubled.")
@shared_options
@click.pass_obj
@click.pass_context
def audit(context: click.Context, options: Options) -> None:
    """Check every job and run: slots due = runs + skips, and no slot ran twice. Exit code 1 if not."""

    async def work(session: Session) -> "AuditReport":
        from scheduler_core.db.audit import audit as check

        settings = session.settings
        return await check(
            session.database,
            history_days=settings.scheduler_history_days,
            grace=settings.scheduler_lease_seconds,
        )

    report = in_session(options, work)
    if options.json:
        print_json(plain(report) | {"due": report.due, "exact": report.is_exact})
    else:
        _print(report)
    if not report.is_exact:
        context.exit(1)


def _print(report: "AuditReport") -> None:
    counts = " + ".join(f"{report.slots.get(status, 0):,} {status}" for status in RunStatus)
    print_line(f"{report.due:,} slots = {counts}")
    for gap in report.gaps:
        print_line(
            f"✗ {gap.job_type} {gap.bot_id} ({gap.job_id}): due {gap.due:,} times, recorded {gap.recorded:,}"
        )
    for name in ("doubled", "doubled_attempts", "retried_without_failure", "abandoned"):
        if count := getattr(report, name):
            print_line(f"✗ {name.replace('_', ' ')}: {count:,}")
    if report.is_exact:
        print_line("✓ exact: nothing lost, nothing doubled")
