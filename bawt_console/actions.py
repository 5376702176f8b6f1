"""Every action of the console, once: bindings, key line, palette and help are made from this list.

Lower case looks or can be taken back; upper case acts. An action is a method `action_<id>` of the screens
named in `places`, and whether it can act now is asked from the screen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from bawt_console.key_names import written
from bawt_console.modes import MODES
from bawt_console.modes import Place as Place


class Group(StrEnum):
    """Headings of the help, in this order."""

    GO = "Go"
    LOOK = "Look"
    ACT = "Act"
    CONSOLE = "Console"


LISTS = frozenset({Place.JOBS, Place.RUNS, Place.PROFILES, Place.MEMORIES, Place.AUDIT})
MARKED = frozenset({Place.JOBS, Place.MEMORIES})
PANED = frozenset({Place.JOBS, Place.RUN, Place.PROFILE, Place.MEMORIES, Place.MODELS, Place.NODES})
EVERYWHERE = frozenset(Place)
# What is about jobs and their runs.
WORK = frozenset({Place.JOBS, Place.RUNS, Place.RUN})
# Where a run may stand under the cursor.
WITH_RUN = WORK | {Place.BRIEF}
RUNS = frozenset({Place.RUNS, Place.RUN})
CHARTS = frozenset({Place.CHARTS})
# Where a log can be read.
LOGS = frozenset({Place.JOBS, Place.RUN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing a person can do.

    Attributes:
        id: stable; a keymap names actions by it.
        keys: as Textual spells them; the first one is shown.
        label: one to three words for the key line.
        help: one sentence.
        rank: place in the key line, lowest first; None leaves it to help and palette.
        in_palette: False for keys that make no sense by name, such as moving the cursor.
        fleeting: left out of the key line, and not greyed, where it cannot act.
        of_app: whether the app carries it out, and not the screen.
        asks: whether it asks before it changes anything; what does not ask has an upper-case key.
        word: what `:` calls it; empty for its label with hyphens.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    group: Group
    places: frozenset[Place] = EVERYWHERE
    rank: int | None = None
    in_palette: bool = True
    of_app: bool = False
    fleeting: bool = False
    asks: bool = False
    word: str = ""

    @property
    def key(self) -> str:
        """The first key as people write it."""
        return written(self.keys[0])

    @property
    def command(self) -> str:
        """The word for the command line."""
        return self.word or self.label.lower().replace(" ", "-")


ACTIONS = (
    *(
        Action(
            id=f"show_{mode.id}",
            keys=(mode.key,),
            label=mode.title,
            help=mode.help,
            group=Group.GO,
            of_app=True,
        )
        for mode in MODES
    ),
    Action(
        id="open",
        keys=("enter",),
        label="open",
        help="Opens what is under the cursor; on a job, its current or latest run.",
        group=Group.GO,
        rank=10,
        fleeting=True,
    ),
    Action(
        id="back",
        keys=("escape",),
        label="back",
        help="Goes back, or clears the filter.",
        group=Group.GO,
        rank=11,
        fleeting=True,
        in_palette=False,
    ),
    Action(
        id="previous_pane",
        keys=("left",),
        label="pane left",
        help="Shows the pane to the left of this one.",
        group=Group.GO,
        places=PANED,
        in_palette=False,
    ),
    Action(
        id="next_pane",
        keys=("right",),
        label="pane",
        help="Shows the pane to the right of this one.",
        group=Group.GO,
        places=PANED,
        rank=50,
        in_palette=False,
    ),
    Action(
        id="filter",
        keys=("slash",),
        label="filter",
        help='Narrows the list: state:failed job:profile* dur>30s since:2d "text". In a log, searches it.',
        group=Group.LOOK,
        places=LISTS,
        rank=40,
    ),
    Action(
        id="sort",
        keys=("s",),
        label="sort",
        help="Goes through the orders of the list.",
        group=Group.LOOK,
        places=frozenset({Place.JOBS}),
        rank=41,
    ),
    Action(
        id="mark",
        keys=("space",),
        label="mark",
        help="Marks the row, or takes its mark away; what acts then acts on all marked ones.",
        group=Group.LOOK,
        places=MARKED,
        rank=42,
        in_palette=False,
    ),
    Action(
        id="mark_all",
        keys=("asterisk",),
        label="mark all",
        help="Marks every row that the filter shows; once more takes all marks away.",
        group=Group.LOOK,
        places=MARKED,
        rank=43,
    ),
    Action(
        id="diff",
        keys=("d",),
        label="diff",
        help="Shows what the run changed: summaries before and after.",
        group=Group.LOOK,
        places=WITH_RUN,
        rank=30,
    ),
    Action(
        id="step_back",
        keys=("left",),
        label="step back",
        help="Moves the cursor to the step before, whose numbers are shown.",
        group=Group.LOOK,
        places=CHARTS,
        in_palette=False,
    ),
    Action(
        id="step_on",
        keys=("right",),
        label="step on",
        help="Moves the cursor to the next step.",
        group=Group.LOOK,
        places=CHARTS,
        in_palette=False,
    ),
    Action(
        id="first_step",
        keys=("home", "g"),
        label="first step",
        help="Moves the cursor to the oldest step.",
        group=Group.LOOK,
        places=CHARTS,
        in_palette=False,
    ),
    Action(
        id="last_step",
        keys=("end", "G"),
        label="last step",
        help="Moves the cursor to the newest step, and keeps it there.",
        group=Group.LOOK,
        places=CHARTS,
        in_palette=False,
    ),
    Action(
        id="previous_job",
        keys=("up", "k"),
        label="job before",
        help="Charts the job before this one; before the first are all jobs.",
        group=Group.LOOK,
        places=CHARTS,
    ),
    Action(
        id="next_job",
        keys=("down", "j"),
        label="next job",
        help="Charts the next job.",
        group=Group.LOOK,
        places=CHARTS,
        rank=30,
    ),
    Action(
        id="next_window",
        keys=("w",),
        label="window",
        help="Goes through the windows: 1 h, 6 h, 24 h, 7 d, 30 d.",
        group=Group.LOOK,
        places=CHARTS,
        rank=31,
    ),
    Action(
        id="next_measure",
        keys=("m",),
        label="measure",
        help="Goes through durations, numbers of runs, success and lateness.",
        group=Group.LOOK,
        places=CHARTS,
        rank=32,
    ),
    Action(
        id="long_runs",
        keys=("l",),
        label="long runs",
        help="Shows what comes if every run takes long (p95); once more, if as long as usual (p50).",
        group=Group.LOOK,
        places=frozenset({Place.FORECAST}),
        rank=30,
    ),
    Action(
        id="compare",
        keys=("d",),
        label="compare",
        help="Shows what a version changed, then how it differs from the live one, then both side by side.",
        group=Group.LOOK,
        places=frozenset({Place.PROFILE}),
        rank=30,
        fleeting=True,
    ),
    Action(
        id="open_run",
        keys=("o",),
        label="its run",
        help="Opens the run that made the version, or that archived or merged the memory.",
        group=Group.GO,
        places=frozenset({Place.PROFILE, Place.MEMORIES}),
        rank=31,
    ),
    Action(
        id="freeze",
        keys=("f",),
        label="freeze",
        help="Stops the screen from changing, or a log from running on; once more lets it go on.",
        group=Group.LOOK,
        rank=60,
    ),
    Action(
        id="search",
        keys=("slash",),
        label="search",
        help="Looks for words in the log, from here on.",
        group=Group.LOOK,
        places=frozenset({Place.RUN}),
        rank=40,
        fleeting=True,
    ),
    Action(
        id="next_match",
        keys=("n",),
        label="next match",
        help="Goes to the next line of the log that holds the words.",
        group=Group.LOOK,
        places=LOGS,
        rank=44,
        fleeting=True,
        in_palette=False,
    ),
    Action(
        id="previous_match",
        keys=("N",),
        label="match before",
        help="Goes to the line before that holds the words.",
        group=Group.LOOK,
        places=LOGS,
        in_palette=False,
    ),
    Action(
        id="level",
        keys=("l",),
        label="level",
        help="Leaves out of the log what matters less: debug, then info, then warnings.",
        group=Group.LOOK,
        places=LOGS,
        rank=45,
        fleeting=True,
    ),
    Action(
        id="wrap",
        keys=("w",),
        label="wrap",
        help="Lets long lines of the log go on below themselves, or cuts them.",
        group=Group.LOOK,
        places=LOGS,
        rank=46,
        fleeting=True,
    ),
    Action(
        id="outside",
        keys=("o",),
        label="pager",
        help="Opens the whole pane in $PAGER, or in $EDITOR; the console waits behind it.",
        group=Group.LOOK,
        places=LOGS,
        rank=66,
        fleeting=True,
        word="pager",
    ),
    Action(
        id="copy",
        keys=("c",),
        label="copy",
        help="Copies the pane, or the row under the cursor.",
        group=Group.LOOK,
        rank=65,
    ),
    Action(
        id="run_now",
        keys=("R",),
        label="run now",
        help="Adds a run of the job at once; its schedule stays as it is.",
        group=Group.ACT,
        places=WITH_RUN,
        rank=20,
    ),
    Action(
        id="dry_run",
        keys=("D",),
        label="dry run",
        help="Adds a run that stores what it would change and changes nothing.",
        group=Group.ACT,
        places=WORK,
        rank=24,
    ),
    Action(
        id="apply",
        keys=("A",),
        label="apply",
        help="Does exactly what a dry run planned; refused if its source changed since.",
        group=Group.ACT,
        places=RUNS,
        rank=25,
        asks=True,
    ),
    Action(
        id="undo",
        keys=("u",),
        label="undo",
        help="Takes back everything the run changed, or what somebody did, after asking.",
        group=Group.ACT,
        places=RUNS | {Place.BRIEF, Place.AUDIT},
        rank=26,
        asks=True,
    ),
    Action(
        id="retry",
        keys=("t",),
        label="retry",
        help="Adds one more attempt at a failed run, after asking.",
        group=Group.ACT,
        places=RUNS | {Place.BRIEF},
        rank=27,
        asks=True,
    ),
    Action(
        id="roll_back",
        keys=("B",),
        label="roll back",
        help="Makes an earlier version of the summary live again, after asking.",
        group=Group.ACT,
        places=frozenset({Place.PROFILE}),
        rank=20,
        asks=True,
    ),
    Action(
        id="pin",
        keys=("P",),
        label="pin",
        help="Keeps an attribute in every summary from the next run on.",
        group=Group.ACT,
        places=frozenset({Place.PROFILE}),
        rank=21,
        fleeting=True,
    ),
    Action(
        id="unpin",
        keys=("U",),
        label="unpin",
        help="Lets maintenance judge the attribute again.",
        group=Group.ACT,
        places=frozenset({Place.PROFILE}),
        rank=22,
        fleeting=True,
    ),
    Action(
        id="restore",
        keys=("B",),
        label="bring back",
        help="Brings archived or merged memories back as they were, after asking.",
        group=Group.ACT,
        places=frozenset({Place.MEMORIES}),
        rank=20,
        asks=True,
        word="restore",
    ),
    Action(
        id="pause",
        keys=("p",),
        label="pause",
        help="Stops new runs of the job, with a reason for others to read; a running one goes on.",
        group=Group.ACT,
        places=frozenset({Place.JOBS}),
        rank=21,
        asks=True,
    ),
    Action(
        id="resume",
        keys=("P",),
        label="resume",
        help="Lets the job run again; slots missed meanwhile become one run.",
        group=Group.ACT,
        places=frozenset({Place.JOBS, Place.BRIEF}),
        rank=22,
    ),
    Action(
        id="edit",
        keys=("e",),
        label="edit",
        help="Edits when the job runs, with its next five times, and its settings.",
        group=Group.ACT,
        places=frozenset({Place.JOBS}),
        rank=28,
        asks=True,
    ),
    Action(
        id="cancel",
        keys=("X",),
        label="cancel",
        help="Stops a waiting or running run, after asking.",
        group=Group.ACT,
        places=WORK,
        rank=23,
    ),
    Action(
        id="try_model",
        keys=("t",),
        label="try",
        help="Lets the model under the cursor answer a prompt; nothing of it is stored.",
        group=Group.LOOK,
        places=frozenset({Place.MODELS}),
        rank=31,
    ),
    Action(
        id="rescan",
        keys=("f5",),
        label="look again",
        help="Reads the folders of models again and asks the model server.",
        group=Group.LOOK,
        places=frozenset({Place.MODELS}),
    ),
    Action(
        id="catalogue",
        keys=("C",),
        label="catalogue",
        help="Asks the catalogue's server what can be fetched, and shows it.",
        group=Group.LOOK,
        places=frozenset({Place.MODELS}),
        rank=20,
    ),
    Action(
        id="download",
        keys=("D",),
        label="download",
        help="Fetches the model under the cursor in the catalogue, or goes on with what was stopped.",
        group=Group.ACT,
        places=frozenset({Place.MODELS}),
        rank=21,
        asks=True,
    ),
    Action(
        id="download_from",
        keys=("U",),
        label="from address",
        help="Fetches a model file from an address, after asking for it.",
        group=Group.ACT,
        places=frozenset({Place.MODELS}),
        rank=22,
        asks=True,
    ),
    Action(
        id="stop",
        keys=("X",),
        label="stop",
        help="Stops the answer or the download that goes on; a download can go on later.",
        group=Group.ACT,
        places=frozenset({Place.MODELS}),
        rank=23,
        fleeting=True,
    ),
    Action(
        id="brief",
        keys=("b",),
        label="brief",
        help="Says what happened since your last visit; :brief 2d looks further back.",
        group=Group.GO,
        of_app=True,
    ),
    Action(
        id="reconnect",
        keys=("r",),
        label="try again",
        help="Opens the database again after the start failed.",
        group=Group.CONSOLE,
        in_palette=False,
        of_app=True,
    ),
    Action(
        id="command",
        keys=("colon",),
        label="command",
        help="Types a command: a screen, an action, run JOB, open run:ID, export FILE.csv.",
        group=Group.CONSOLE,
        rank=85,
        in_palette=False,
    ),
    Action(
        id="palette",
        keys=("ctrl+p",),
        label="palette",
        help="Finds an action by name.",
        group=Group.CONSOLE,
        in_palette=False,
        of_app=True,
    ),
    Action(
        id="theme",
        keys=("T",),
        label="theme",
        help="Goes through the themes: dark, light, high contrast, no colour.",
        group=Group.CONSOLE,
        of_app=True,
    ),
    Action(
        id="help",
        keys=("question_mark",),
        label="help",
        help="Lists these keys.",
        group=Group.CONSOLE,
        rank=90,
        of_app=True,
    ),
    Action(
        id="quit",
        keys=("q", "ctrl+q"),
        label="quit",
        help="Leaves the console; an embedded scheduler first finishes or stops what runs.",
        group=Group.CONSOLE,
        rank=99,
        of_app=True,
    ),
)

_BY_ID = {action.id: action for action in ACTIONS}


def action(action_id: str) -> Action:
    return _BY_ID[action_id]


Keys = Mapping[str, tuple[str, ...]]


def actions_at(place: Place, keys: Keys = MappingProxyType({})) -> Iterator[Action]:
    """The actions of one place, in the order of the list.

    Args:
        keys: other keys than an action's own, by its id.
    """
    for each in ACTIONS:
        if place in each.places:
            yield replace(each, keys=keys[each.id]) if each.id in keys else each
