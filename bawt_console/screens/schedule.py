"""The editor of a job's schedule and settings: what is typed is read at once, as words and times."""

from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from bawt_console.formatting import Phrase, Tone, countdown, full_time, interval, phrase
from bawt_console.screens.desk import Desk
from bawt_console.screens.dialogs import HEIGHTS
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.paint import ink, text_of
from bawt_console.widgets.text_input import TextInput
from scheduler_core.domain import Job
from scheduler_core.errors import SchedulerError
from scheduler_core.job_settings import JobSettings

_FIELDS = (
    ("every", "every", "90 min, 1 h 30 min, 2 d"),
    ("cron", "or cron", "minute hour day month weekday, such as 30 3 * * 1-5"),
    ("zone", "time zone", "UTC, Europe/Berlin"),
    ("config", "settings", '{"timeout_seconds": 600}'),
)


LONGEST_SETTINGS = 100_000


class ScheduleScreen(ModalScreen[str | None]):
    """Ends with a sentence about what was stored, or None.

    Nothing is stored while what is typed cannot be read; and nothing when somebody else changed the job
    since it was opened, which is then said.
    """

    CSS_PATH = "schedule.tcss"
    AUTO_FOCUS = "#every"
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, desk: Desk, job: Job) -> None:
        super().__init__()
        self._desk = desk
        self._job = job
        self._seen = JobSettings.of(job)
        self._wanted: JobSettings | None = None
        self._storing = False

    def compose(self) -> ComposeResult:
        job, styles = self._job, ink(self.app)
        title = phrase("Edit ", Tone.STRONG) + phrase(f"{job.job_type} {job.bot_id}", Tone.STRONG)
        values = {
            "every": "" if job.cron else interval(job.interval_minutes),
            "cron": job.cron or "",
            "zone": job.time_zone,
            "config": job.config_json,
        }
        with Vertical(id="editor"):
            yield Static(text_of(title, styles), markup=False, id="title")
            for name, label, example in _FIELDS:
                with Vertical(classes="row"):
                    yield Static(text_of(phrase(label, Tone.MUTED), styles), markup=False, classes="label")
                    yield TextInput(values[name], id=name, placeholder=example, max_length=LONGEST_SETTINGS)
            yield Notice(id="meaning")
            keys = phrase("enter", Tone.ACCENT) + phrase(" save    ", Tone.MUTED)
            keys += phrase("tab", Tone.ACCENT) + phrase(" next field    ", Tone.MUTED)
            keys += phrase("esc", Tone.ACCENT) + phrase(" leave it as it is", Tone.MUTED)
            yield Static(text_of(keys, styles), markup=False, id="hints")

    def on_mount(self) -> None:
        self._read()

    def typed(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.id in ("every", "cron") and event.input.has_focus and event.value:
            # One takes the place of the other, and the one typed last is meant.
            other = self.query_one("#cron" if event.input.id == "every" else "#every", Input)
            other.value = ""
        self._read()

    def _read(self) -> None:
        source = self._desk.source
        if source is None:
            self._wanted = None
            self._say(phrase("The database is not open.", Tone.FAILED))
            return
        try:
            every, cron = self.typed("every").strip(), self.typed("cron").strip()
            wanted = source.work.edited(
                self._seen,
                job_type=self._job.job_type,
                every=every if every or not cron else None,
                cron=cron or None,
                time_zone=self.typed("zone"),
                config=self.typed("config"),
            )
            shown = source.work.preview(wanted, job=self._job, now=self._desk.now())
        except SchedulerError as error:
            self._wanted = None
            self._say(phrase(f"✗ {error.title}", Tone.FAILED), [phrase(error.hint, Tone.MUTED)])
            return
        self._wanted = wanted
        same = wanted == self._seen
        head = phrase(shown.words, Tone.MUTED if same else Tone.STRONG)
        lines = [self._time(at, wanted) for at in shown.times]
        self._say(head, lines or [phrase("It never comes.", Tone.LATE)])

    def _time(self, at: datetime, wanted: JobSettings) -> Phrase:
        """A time as clocks here show it, and as those of the job's time zone do where that is another."""
        told = phrase(full_time(at, self._desk.zone))
        there = at.astimezone(ZoneInfo(wanted.time_zone))
        if wanted.cron and there.utcoffset() != at.astimezone(self._desk.zone).utcoffset():
            told += phrase(f"   {there:%H:%M %Z}", Tone.ACCENT)
        return told + phrase(f"   {countdown(at, self._desk.now())}", Tone.MUTED)

    def _say(self, head: Phrase, lines: "list[Phrase] | None" = None) -> None:
        # Always the same height, so that nothing jumps while somebody types.
        self.query_one("#meaning", Notice).say(head, [*(lines or []), *[phrase("")] * 5][:5])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        source, wanted = self._desk.source, self._wanted
        if source is None or wanted is None or self._storing:
            return
        if wanted == self._seen:
            self.dismiss("Nothing was changed.")
            return
        self._storing = True
        self.run_worker(self._store(wanted), exit_on_error=False)

    async def _store(self, wanted: JobSettings) -> None:
        source = self._desk.source
        assert source is not None
        try:
            job = await source.work.edit(self._job.id, wanted, seen=self._seen)
        except SchedulerError as error:
            self._say(phrase(f"✗ {error.title}", Tone.FAILED), [phrase(error.hint, Tone.MUTED)])
        else:
            when = (
                f"cron {job.cron} {job.time_zone}" if job.cron else f"every {interval(job.interval_minutes)}"
            )
            self.dismiss(f"Edited 1 job: {job.job_type} {job.bot_id} is now {when}.")
        finally:
            self._storing = False

    def action_leave(self) -> None:
        self.dismiss(None)
