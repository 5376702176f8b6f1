"""`bawt-console doctor`: what went wrong unnoticed, here or in an llm-bawt service's database."""

import asyncio
from typing import TYPE_CHECKING

import click

from bawt_console.commands.session import Options, shared_options
from bawt_console.output import plain, print_json, print_line

if TYPE_CHECKING:
    from scheduler_core.db.doctor import Report


@click.command("doctor", short_help="Look for lost memories, stale summaries, stuck runs and the like.")
@click.option(
    "--examples", type=click.IntRange(1, 1000), default=5, show_default=True, help="Of each finding."
)
@shared_options
@click.pass_obj
@click.pass_context
def doctor(context: click.Context, options: Options, examples: int) -> None:
    """Look for what went wrong unnoticed; exit with 1 if something did.

    Works on this program's database and on that of an llm-bawt service, and writes to neither. Findings name
    entities, keys and ids, never what is known of somebody.
    """
    from scheduler_core.db.doctor import examine
    from scheduler_core.installation import open_address

    async def look() -> "Report":
        async with open_address(options.settings()) as address:
            return await examine(address, examples=examples)

    report = asyncio.run(look())
    if options.json:
        print_json(plain(report) | {"healthy": report.is_healthy})
    else:
        _print(report)
    if not report.is_healthy:
        context.exit(1)


def _print(report: "Report") -> None:
    kind = {"empty": "no tables of ours or of an llm-bawt service"}.get(report.owner, f"of {report.owner}")
    print_line(f"{report.label}: {kind}. Nothing is written.")
    for fact in report.facts:
        print_line(f"  {fact}")
    for finding in report.findings:
        print_line(f"✗ {finding.sentence} ({finding.name}, {finding.certainty})")
        for example in finding.examples:
            print_line(f"    {example}")
        if (more := finding.count - len(finding.examples)) > 0 and finding.examples:
            print_line(f"    and {more:,} more")
        if finding.hint:
            print_line(f"  → {finding.hint}")
    if report.is_healthy and report.checked:
        print_line(f"✓ nothing found; looked for {', '.join(report.checked).replace('_', ' ')}")
