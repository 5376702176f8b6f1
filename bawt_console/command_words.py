"""What a person types behind `:`: `run JOB`, `filter state:failed`, `open run:7f3c`, or the name of anything.

Pure: it finds out what is meant and completes it; `screens.commanding` does it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from bawt_console.actions import ACTIONS, Action, Place
from bawt_console.modes import MODES
from scheduler_core.errors import SchedulerError


class CommandError(SchedulerError):
    """A command cannot be read."""

    exit_code = 2
    has_more_in_log = False


class Verb(StrEnum):
    """The words that take something behind them."""

    RUN = "run"
    DRY_RUN = "dry-run"
    PAUSE = "pause"
    RESUME = "resume"
    EDIT = "edit"
    OPEN = "open"
    FILTER = "filter"
    SORT = "sort"
    CHART = "chart"
    BRIEF = "brief"
    DOWNLOAD = "download"
    EXPORT = "export"
    SAVE = "save"
    VIEW = "view"
    FORGET = "forget"


EXAMPLES = {
    Verb.RUN: "run JOB",
    Verb.DRY_RUN: "dry-run JOB",
    Verb.PAUSE: "pause JOB",
    Verb.RESUME: "resume JOB",
    Verb.EDIT: "edit JOB",
    Verb.OPEN: "open run:ID",
    Verb.FILTER: "filter state:failed",
    Verb.SORT: "sort state",
    Verb.CHART: "chart JOB 7d",
    Verb.BRIEF: "brief 2d",
    Verb.DOWNLOAD: "download NAME",
    Verb.EXPORT: "export FILE.csv",
    Verb.SAVE: "save VIEW",
    Verb.VIEW: "view VIEW",
    Verb.FORGET: "forget VIEW",
}
MEANINGS = {
    Verb.RUN: "Runs a job now.",
    Verb.DRY_RUN: "Says what a run of the job would change.",
    Verb.PAUSE: "Pauses a job, after asking for a reason.",
    Verb.RESUME: "Lets a paused job go on.",
    Verb.EDIT: "Edits when a job runs, and its settings.",
    Verb.OPEN: "Opens run:ID, job:NAME, profile:TYPE/NAME or memory:BOT/ID.",
    Verb.FILTER: "Narrows the list; alone it shows all.",
    Verb.SORT: "Sorts the list.",
    Verb.CHART: "Charts a job, or all, over 1h, 6h, 24h, 7d or 30d.",
    Verb.BRIEF: "Says what happened since then; alone, since your last visit.",
    Verb.DOWNLOAD: "Fetches a model by its name in the catalogue, or by its address.",
    Verb.EXPORT: "Writes what is shown to FILE.csv or FILE.jsonl.",
    Verb.SAVE: "Keeps this screen and its filter under a name.",
    Verb.VIEW: "Goes back to what was saved; alone it says what was.",
    Verb.FORGET: "Deletes what was saved.",
}
# Alone these are actions on the selection, or nothing at all.
_WANT_MORE = frozenset({Verb.EXPORT, Verb.SAVE, Verb.FORGET})
_MAY_STAND_ALONE = frozenset({Verb.FILTER, Verb.VIEW})
_ALIASES = {"q": "quit", "h": "help", "?": "help", "run": "run-now", "retry": "retry"}


@dataclass(frozen=True, slots=True)
class Command:
    """One command: a verb with what it is about, or an action by its id."""

    verb: Verb | None
    about: str
    action_id: str = ""


def parse_command(text: str, actions: Iterable[Action]) -> Command:
    """Reads a command.

    Args:
        actions: those of the screen, which can be named by id, by label, or by the beginning of it.

    Raises:
        CommandError: in a sentence that says where it works instead, or names what is near.
    """
    word, _, about = text.strip().removeprefix(":").lstrip().partition(" ")
    word, about = word.lower().replace("_", "-"), about.strip()
    if word in set(Verb) and (about or word in _WANT_MORE | _MAY_STAND_ALONE):
        verb = Verb(word)
        if not about and verb in _WANT_MORE:
            raise CommandError(f"“{verb}” wants something behind it.", f"Write for example: {EXAMPLES[verb]}")
        return Command(verb, about)
    actions = tuple(actions)
    names = _names(actions)
    wanted = _ALIASES.get(word, word)
    if wanted not in names:
        starting = {names[name] for name in names if name.startswith(wanted)}
        if len(starting) != 1 or not wanted:
            raise _elsewhere(word, wanted) or _unknown(word, names, actions)
        return Command(None, about, starting.pop())
    if about:
        raise CommandError(f"“{word}” takes nothing behind it.", "Leave the rest out.")
    return Command(None, "", names[wanted])


def completions(
    actions: Iterable[Action],
    *,
    jobs: Sequence[str],
    bots: Sequence[str],
    views: Sequence[str],
    things: Sequence[str] = (),
) -> list[str]:
    """Whole commands, the likeliest first: screens, actions, verbs with the names there are.

    Args:
        things: what else can be opened, such as `profile:user/ada`.
    """
    return [
        *(mode.id for mode in MODES),
        *sorted({each.command for each in actions if each.in_palette}),
        *(f"{verb} " for verb in Verb),
        *(
            f"{verb} {job}"
            for verb in (Verb.RUN, Verb.DRY_RUN, Verb.PAUSE, Verb.RESUME, Verb.EDIT)
            for job in jobs
        ),
        *(f"open job:{job}" for job in jobs),
        *(f"open {thing}" for thing in things),
        *(f"chart {job}" for job in jobs),
        "open run:",
        "open profile:",
        "open memory:",
        *(f"filter bot:{bot}" for bot in bots),
        *(f"{verb} {view}" for verb in (Verb.VIEW, Verb.FORGET) for view in views),
        "export shown.csv",
        "export shown.jsonl",
    ]


def _names(actions: Iterable[Action]) -> dict[str, str]:
    """Every word for an action, and its id."""
    names: dict[str, str] = {}
    for each in actions:
        for name in (each.command, each.id.replace("_", "-")):
            names.setdefault(name, each.id)
    return names


def _elsewhere(word: str, wanted: str) -> CommandError | None:
    """Where a command works that does not here; None if it works nowhere."""
    named = [each for each in ACTIONS if wanted in _names([each])]
    if not named:
        return None
    places = [place.value.capitalize() for place in Place if any(place in each.places for each in named)]
    *others, last = places
    where = f"{', '.join(others)} and {last}" if others else last
    hint = f"Here it wants something behind it: {EXAMPLES[Verb(word)]}" if word in set(Verb) else ""
    return CommandError(f"{named[0].command} works on {where}.", hint)


def _unknown(word: str, names: Iterable[str], actions: Iterable[Action]) -> CommandError:
    near = get_close_matches(word, [*names, *Verb], n=1)
    lists = next((f"{each.key} lists what there is." for each in actions if each.id == "help"), "")
    hint = f"Did you mean {near[0]}?" if near else lists
    return CommandError(f"There is no command “{word[:40]}”.", hint)
