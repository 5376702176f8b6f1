"""The command line: options, sub-commands, and the one border where errors become a sentence.

Exit codes are part of the contract: 0 ok, 1 a run failed, 2 usage, configuration or a bad file, 3 the
database is unreachable, refuses or cannot, 130 interrupted. Neither a screen nor a model is imported for
--help.
"""

import importlib
import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import click

from bawt_console.collector import expect_much
from bawt_console.commands.session import Options, require_terminal, shared_options
from bawt_console.logs import log_as_set, start_logging
from scheduler_core import __version__

INTERRUPTED = 130

log = logging.getLogger(__name__)


class _Commands(click.Group):
    """Sub-commands that are imported when they are named."""

    NAMES = (
        *("jobs", "runs", "profiles", "memories", "models", "nodes", "actions"),
        *("db", "why", "stats", "forecast", "brief", "audit", "doctor", "adopt", "demo", "serve"),
    )
    # Those that open a screen live beside what they show.
    ELSEWHERE: ClassVar[Mapping[str, str]] = {
        "demo": "bawt_console.demo.command",
        "serve": "bawt_console.serve.command",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.NAMES:
            return None
        module = self.ELSEWHERE.get(cmd_name, f"bawt_console.commands.{cmd_name}")
        command = getattr(importlib.import_module(module), cmd_name)
        return command if isinstance(command, click.Command) else None


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--attach", is_flag=True, help="Watch and command without running jobs here.")
@click.option("--no-ui", is_flag=True, help="Run the scheduler without a screen; one line a run on stdout.")
@click.option(
    "--role",
    type=click.Choice(("scheduler", "worker", "both")),
    help="With --no-ui and LLM_BAWT_TASK_QUEUE=pgqueuer: only claim what is due, only do it, or both.",
)
@click.option("--once", is_flag=True, help="With --no-ui: run what is due, then exit.")
@click.option("--read-only", is_flag=True, help="Watch only; the database refuses every change.")
@click.option(
    "--open",
    "open_at",
    metavar="WHAT",
    default="",
    help="Show run:ID, job:NAME, profile:TYPE/NAME or memory:BOT/ID first.",
)
@click.option("--debug", is_flag=True, help="Show tracebacks and log everything.")
@click.version_option(__version__, prog_name="bawt-console")
@shared_options
@click.pass_context
def cli(
    context: click.Context,
    attach: bool,
    no_ui: bool,
    role: str | None,
    once: bool,
    read_only: bool,
    open_at: str,
    debug: bool,
) -> None:
    """Scheduler and console for the maintenance of what an LLM assistant knows.

    Without a sub-command: opens the console, with a scheduler inside and, unless a database is configured,
    an embedded PostgreSQL.
    """
    options = context.ensure_object(Options)
    options.debug = debug
    options.role = role or ""
    if once and not no_ui:
        raise click.UsageError("--once needs --no-ui.")
    if role is not None and (not no_ui or once):
        raise click.UsageError("--role needs --no-ui, and goes without --once.")
    if no_ui and (attach or read_only):
        raise click.UsageError("--no-ui runs jobs, so it cannot go with --attach or --read-only.")
    if open_at and not re.fullmatch(r"(run|job):\S+|profile:(user|bot)/\S+|memory:[^/\s]+/\S+", open_at):
        raise click.UsageError("--open wants run:ID, job:NAME, profile:TYPE/NAME or memory:BOT/ID.")
    if open_at and (no_ui or context.invoked_subcommand is not None):
        raise click.UsageError("--open needs the console.")
    if context.invoked_subcommand is not None:
        if attach or no_ui or read_only:
            raise click.UsageError("--attach, --no-ui and --read-only go without a sub-command.")
        start_logging(logging.DEBUG if debug else logging.WARNING)
        return
    attach = attach or read_only
    context.exit(_start(options, attach=attach, no_ui=no_ui, once=once, read_only=read_only, open_at=open_at))


def main() -> None:
    """The console script."""
    expect_much()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; every error has become a sentence on stderr."""
    debug = "--debug" in arguments
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Closed by whoever started us; there is nobody to tell.
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as the process
    try:
        code = cli.main(list(arguments), prog_name="bawt-console", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        from bawt_console.output import print_note
        from bawt_console.usage import explain_usage

        print_note(explain_usage(error))
        return 2
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except OSError as error:
        # The disk behind stdout is full, say; Python must not complain of it once more while it closes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _explain(_unwritable(error), debug=debug)
    except SystemExit:
        # click ends the program by itself in one case only: the reader of our stdout has seen enough.
        return 0
    except BaseException as error:  # noqa: BLE001 - the border: people get a sentence, not a traceback
        return _explain(error, debug=debug)
    return code if isinstance(code, int) else 0


def _start(options: Options, *, attach: bool, no_ui: bool, once: bool, read_only: bool, open_at: str) -> int:
    if no_ui:
        return _run_headless(options, once=once)
    require_terminal("use --no-ui, or a sub-command")
    from bawt_console.launch import start_console

    return start_console(
        options.quiet_settings, attach=attach, read_only=read_only, debug=options.debug, open_at=open_at
    )


def _run_headless(options: Options, *, once: bool) -> int:
    import asyncio

    from bawt_console.headless import run_headless
    from scheduler_core.errors import ConfigError
    from scheduler_core.settings import unknown_variables

    settings = options.quiet_settings()
    if not settings.scheduler_enabled:
        raise ConfigError(
            "LLM_BAWT_SCHEDULER_ENABLED is false, so this process may not run jobs.",
            "Set it to true, or watch with: bawt-console --attach",
        )
    log_as_set(settings, debug=options.debug)
    for warning in unknown_variables(os.environ):
        log.warning("%s", warning)
    return asyncio.run(run_headless(settings, once=once, as_json=options.json))


def _explain(error: BaseException, *, debug: bool) -> int:
    from bawt_console.output import print_error, print_note
    from scheduler_core.errors import SchedulerError

    if debug:
        print_note("".join(traceback.format_exception(error)).rstrip())
    cause = _first_cause(error)
    if isinstance(cause, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(cause, SchedulerError):
        print_error(cause)
        return cause.exit_code
    unexpected = SchedulerError(
        f"Something unexpected went wrong ({type(cause).__name__}).",
        "Run it again with --debug to see where.",
    )
    print_error(unexpected)
    return unexpected.exit_code


def _unwritable(error: OSError) -> BaseException:
    from scheduler_core.errors import SchedulerError

    return SchedulerError(f"Reading or writing failed: {error.strerror or type(error).__name__}.")


def _first_cause(error: BaseException) -> BaseException:
    """The first error of its kind inside groups of them; ours before foreign ones."""
    from scheduler_core.errors import SchedulerError

    if not isinstance(error, BaseExceptionGroup):
        return error
    causes = [_first_cause(inner) for inner in error.exceptions]
    return next((cause for cause in causes if isinstance(cause, SchedulerError)), causes[0])
