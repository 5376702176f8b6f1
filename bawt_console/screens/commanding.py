"""Does what a command says. It finds the jobs and runs that are meant, and leaves the doing to actions."""

import asyncio

from bawt_console.command_words import Command, CommandError, Verb, parse_command
from bawt_console.export import export_rows
from bawt_console.formatting import counted, one_line
from bawt_console.modes import MODES, Place
from bawt_console.screens.job_actions import edit_job, pause_jobs, resume_jobs, run_jobs
from bawt_console.screens.live import LiveScreen, spell
from bawt_console.screens.run import RunScreen
from bawt_console.views import View
from scheduler_core.domain import Entity, EntityType, Job, Run
from scheduler_core.errors import NotFoundError, StateError

_JOB_VERBS = {
    Verb.RUN: "run_now",
    Verb.DRY_RUN: "dry_run",
    Verb.PAUSE: "pause",
    Verb.RESUME: "resume",
    Verb.EDIT: "edit",
}


def obey(screen: LiveScreen, text: str) -> None:
    """Carries out a command given on a screen; what goes wrong is said in a toast."""

    async def work() -> str:
        return await _do(screen, parse_command(text, screen.actions))

    screen.act(work)


async def _do(screen: LiveScreen, command: Command) -> str:
    about = command.about
    match command.verb:
        case None:
            return await _act(screen, command.action_id)
        case Verb.FILTER:
            screen.narrow(about)
        case Verb.SORT:
            screen.order_by(about)
        case Verb.OPEN:
            return await _open(screen, about)
        case Verb.CHART:
            await _chart(screen, about)
        case Verb.BRIEF:
            show_brief(screen, about)
        case Verb.DOWNLOAD:
            await _download(screen, about)
        case Verb.EXPORT:
            return await _export(screen, about)
        case Verb.SAVE:
            return _save_view(screen, about)
        case Verb.VIEW:
            if not about:
                return screen.desk.views.told()
            return await _show_view(screen, screen.desk.views.find(about))
        case Verb.FORGET:
            screen.desk.views.forget(about)
            return f"Forgot the view {about}."
        case _:
            await _do_to_job(screen, command.verb, about)
    return ""


async def _export(screen: LiveScreen, name: str) -> str:
    rows = screen.exported()
    if not rows:
        raise StateError("There are no rows to export.", "Nothing was written.")
    path = await asyncio.to_thread(export_rows, rows, name)
    more = "" if screen.shows_all else " There are more, which the list has not read yet."
    return f"Wrote {counted(len(rows), 'row')} to {path}.{more}"


async def _act(screen: LiveScreen, action_id: str) -> str:
    reason = screen.why_not(action_id)
    if reason is not None:
        screen.refuse(reason)
        return ""
    each = next(each for each in screen.actions if each.id == action_id)
    await screen.app.run_action(spell(each), screen)
    return ""


async def _do_to_job(screen: LiveScreen, verb: Verb, about: str) -> None:
    reason = screen.why_not_act()
    if reason is not None:
        screen.refuse(reason)
        return
    name, _, rest = about.partition(" ")
    job = await _job_named(screen, name)
    if rest and verb is not Verb.PAUSE:
        raise CommandError(f"“{rest[:40]}” is one word too many.", "Name one job, or mark several.")
    match verb:
        case Verb.RUN | Verb.DRY_RUN:
            run_jobs(screen, [job], dry_run=verb is Verb.DRY_RUN)
        case Verb.PAUSE:
            pause_jobs(screen, [job], reason=rest)
        case Verb.RESUME:
            resume_jobs(screen, [job])
        case _:
            edit_job(screen, job)


async def _open(screen: LiveScreen, about: str) -> str:
    kind, colon, name = about.partition(":")
    if colon and kind == "run":
        screen.app.push_screen(RunScreen(screen.desk, await _run_named(screen, name)))
    elif colon and kind == "job":
        job = await _job_named(screen, name)
        await screen.app.run_action("app.show('jobs')", screen)
        shown = screen.app.screen
        if isinstance(shown, LiveScreen):
            shown.look_for(job.id)
    elif colon and kind == "profile":
        await _open_profile(screen, name)
    elif colon and kind == "memory":
        await _open_memory(screen, name)
    else:
        raise CommandError(
            f"“{about[:40]}” cannot be opened.",
            "Write open run:ID, job:NAME, profile:TYPE/NAME or memory:BOT/ID.",
        )
    return ""


def show_brief(screen: LiveScreen, since: str = "") -> None:
    """Shows the brief on top of a screen.

    Args:
        since: how far to look back; empty for the last visit.

    Raises:
        ConfigError: it is no time to look back to.
    """
    # Loaded when it is first wanted, as every screen is.
    from bawt_console.screens.brief import BriefScreen

    brief = BriefScreen(screen.desk, since=since)
    if isinstance(screen, BriefScreen):
        screen.app.switch_screen(brief)
    else:
        screen.app.push_screen(brief)


async def _download(screen: LiveScreen, wanted: str) -> None:
    from bawt_console.screens.model_fetching import name_of_address
    from bawt_console.screens.models import ModelsScreen

    await screen.app.run_action("app.show('models')", screen)
    shown = screen.app.screen
    if not isinstance(shown, ModelsScreen):
        return
    reason = shown.why_not_act()
    if reason is not None:
        shown.refuse(reason)
    else:
        shown.fetch(wanted, name_of_address(wanted))


async def _open_profile(screen: LiveScreen, name: str) -> None:
    from bawt_console.screens.profile import ProfileScreen

    kind, slash, id_ = name.partition("/")
    if not slash or not id_.strip() or kind not in set(EntityType):
        raise CommandError(
            f"“{name[:60]}” is no profile.", "Write open profile:user/NAME or profile:bot/NAME."
        )
    entity = Entity(EntityType(kind), id_.strip().lower())
    if await screen.source.records.snapshot(entity) is None:
        raise NotFoundError(
            f"Nothing is known of {entity}.",
            f"{screen.desk.key('show_profiles')} lists everybody of whom something is.",
        )
    screen.app.push_screen(ProfileScreen(screen.desk, entity))


async def _open_memory(screen: LiveScreen, name: str) -> None:
    """Shows the list that has the memory, narrowed to it; escape shows the rest of the list."""
    bot, slash, id_ = name.partition("/")
    if not slash or not bot or not id_:
        raise CommandError(f"“{name[:60]}” is no memory.", "Write open memory:BOT/ID.")
    found = await screen.source.records.lineage(bot, id_)
    if found is None or not (found.active or found.archived):
        raise NotFoundError(
            f"{bot} has no memory “{id_[:40]}”.", f"{screen.desk.key('show_memories')} lists all there are."
        )
    state = "active" if found.active is not None else str(found.archived[0].state)
    view = View(Place.MEMORIES, f'bot:"{bot}" "{id_}"', state)
    await _show_view(screen, view)


async def _chart(screen: LiveScreen, about: str) -> None:
    await screen.app.run_action("app.show('charts')", screen)
    shown = screen.app.screen
    assert isinstance(shown, LiveScreen)
    shown.narrow(about)


def _save_view(screen: LiveScreen, name: str) -> str:
    view = screen.view
    before = screen.desk.views.save(name, view)
    if before is None or before == view:
        return f"Saved the view {name}."
    # There is no way back to it, so it is told what it was.
    return f"Saved the view {name}. It replaces the older {name}: {one_line(str(before), limit=120)}."


async def _show_view(screen: LiveScreen, view: View) -> str:
    if view.screen not in {mode.id for mode in MODES}:
        raise StateError(f"There is no screen {view.screen[:40]!r} any more.", "Forget this view.")
    await screen.app.run_action(f"app.show('{view.screen}')", screen)
    shown = screen.app.screen
    assert isinstance(shown, LiveScreen)
    shown.order_by(view.order)
    shown.narrow(view.filter)
    return ""


async def _job_named(screen: LiveScreen, name: str) -> Job:
    found = await screen.source.work.find_jobs(name)
    if not found:
        raise NotFoundError(f"There is no job “{name[:60]}”.", "Write a job type, TYPE:BOT, or an id.")
    if len(found) > 1:
        some = ", ".join(f"{job.job_type}:{job.bot_id}" for job in found[:4])
        raise NotFoundError(f"“{name[:60]}” means {len(found)} jobs.", f"Say which: {some}")
    return found[0]


async def _run_named(screen: LiveScreen, prefix: str) -> Run:
    found = await screen.source.work.find_runs(prefix)
    if not found:
        lists = f"{screen.desk.key('show_runs')} lists them; at least four characters of an id are wanted."
        raise NotFoundError(f"There is no run “{prefix[:40]}”.", lists)
    if len(found) > 1:
        # Runs of one moment begin alike: their ids begin with the time.
        ids = [str(run.id) for run in found]
        enough = next(n for n in range(len(ids[0]) + 1) if len({each[:n] for each in ids}) == len(ids))
        some = ", ".join(f"{run.job_type}:{run.bot_id} is {str(run.id)[:enough]}" for run in found[:4])
        raise NotFoundError(f"“{prefix[:40]}” begins several runs' ids.", f"Give more characters: {some}")
    return found[0]
