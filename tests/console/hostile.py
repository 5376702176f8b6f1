"""Data that tries to command the terminal or to be read as markup, in every place a text can stand."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from bawt_console.shelf import CatalogueModel, ShelfPart
from scheduler_core.domain import (
    Attribute,
    EventLevel,
    Node,
    ProfileChange,
    ProfileVersion,
    RunEvent,
    RunStatus,
    Sentence,
)
from scheduler_core.oversight import OperatorAction
from tests.console.believable import ADA, NOW, World, a_job, a_run, an_overview, believable_world, ids
from tests.console.fake_shelf import ModelWorld, a_model
from tests.console.hostile_people import hostile_people

MARK = "MARK"
PAYLOADS = {
    "colour markup": f"[red]{MARK}[/red]",
    "closing markup": f"[/]{MARK}[/nothing]",
    "a type in brackets": f"{MARK}[int]",
    "a link that acts": f"[@click=app.quit]{MARK}[/]",
    "an unfinished tag": f"{MARK}[bold",
    "a clipboard write": f"\x1b]52;c;UFdORUQ=\x07{MARK}",
    "a window title": f"\x1b]0;PWNED\x1b\\{MARK}",
    "an 8-bit title": f"\x9d0;PWNED\x9c{MARK}",
    "cleared screen": f"\x1b[2J\x1b[H{MARK}",
    "8-bit cleared screen": f"\x9b2J{MARK}",
    "a question to the terminal": f"\x1b[6n\x1b[31337m{MARK}",
    "device control": f"\x1bP+q544e\x1b\\{MARK}",
    "nested sequences": f"\x1bPtmux;\x1b\x1b]52;c;UFdORUQ=\x07\x1b\\{MARK}",
    "turned direction": f"\u202e\u2066{MARK}\u2069",
    "controls": f"{MARK}\x00\x07\x08\x7f\x85",
    "many lines": f"{MARK}\n\n\r\nline\rline\x0bline\x0cline",
    "a long word": MARK + "x" * 5_000,
    "half a character": f"\ud800{MARK}",
    "format strings": f"{MARK}{{0}} %s $HOME",
    "other scripts": f"{MARK} 你好 🙂👨‍👩‍👧 ⓐ",
    "tabs": f"\t{MARK}\t\t",
    "nothing": "",
}


def hostile_world(text: str) -> World:
    """The believable one, with the text wherever the database, a model or a person could have put it."""
    world = believable_world()
    fresh = ids(11)
    job = a_job(
        next(fresh),
        text or "memory_decay",
        text,
        config_json=json.dumps({text: [text, {"deep": text}]}),
        next_run_at=NOW - timedelta(minutes=1),
    )
    paused = a_job(
        next(fresh), text, text, enabled=False, paused_by=text, paused_reason=text, config_json=text
    )
    running = a_run(
        next(fresh),
        job,
        status=RunStatus.RUNNING,
        progress=text,
        started_at=NOW - timedelta(seconds=9),
        finished_at=None,
        duration_ms=None,
        cancel_requested_by=text,
    )
    failed = a_run(
        next(fresh),
        job,
        status=RunStatus.FAILED,
        error_message=text,
        reason=text,
        suspicious=(text, text),
        result_json=json.dumps({text: text}),
        started_at=NOW - timedelta(seconds=60),
        first_run_id=running.id,
    )
    raw = a_run(
        next(fresh), paused, result_json=text, error_message=text, started_at=NOW - timedelta(hours=1)
    )
    world.jobs = [an_overview(job, [running, failed]), an_overview(paused, [raw]), *world.jobs]
    world.runs = [running, failed, raw, *world.runs]
    levels = list(EventLevel)
    for run in (running, failed):
        world.events[run.id] = [
            RunEvent(id=number + 1, run_id=run.id, at=NOW, level=level, message=text)
            for number, level in enumerate(levels)
        ]
        world.changes[run.id] = [_change(text)]
    world.attributes[ADA] = (_attribute(1, text, text), _attribute(2, text, [text, {text: text}]))
    world.people = hostile_people(text, NOW, failed.id)
    world.nodes = [_hostile_node(node, text) for node in world.nodes]
    world.shelf = _hostile_models(text)
    world.actions = [_hostile_action(text, running.id), *world.actions]
    world.health = replace(world.health, version=text, schema=text, folder=text)
    return world


def _hostile_models(text: str) -> ModelWorld:
    """Names of files, what a header says, what a server and a catalogue say, and what a model answers."""
    file = a_model(text, kind=text, quantisation=text, wanted=text, reason=text, taken_for=text)
    server = a_model(text, wanted="openai:" + text, kind=text, is_server=True, locality=text, reason=text)
    entry = CatalogueModel(
        name=text,
        host=text,
        file_name=text,
        size_bytes=5,
        parameters=text,
        memory=text,
        is_embedding=False,
    )
    part = ShelfPart(file_name=text + "2", url=text + "3", done=5, total=None)
    return ModelWorld(models=(file, server), parts=(part,), catalogue=(entry,), pieces=(text, text))


def _hostile_action(text: str, run: UUID) -> OperatorAction:
    return OperatorAction(
        id=999,
        at=NOW,
        actor=text,
        action=text,
        object_type=text,
        object_id=text,
        object_name=text,
        reason=text,
        details={text: text, "before": {text: text}, "after": {text: [text]}},
        run_id=run,
        undoing=text,
    )


def _hostile_node(node: Node, text: str) -> Node:
    return replace(node, name=text, model=text, version=text, job_types=(text, text))


def _attribute(number: int, text: str, value: object) -> Attribute:
    return Attribute(
        id=number,
        category=text,
        key=text,
        value=value,
        confidence=0.5,
        source=text,
        created_at=NOW,
        updated_at=NOW,
    )


def _change(text: str) -> ProfileChange:
    def version(number: int, *texts: str) -> ProfileVersion:
        return ProfileVersion(
            entity=ADA,
            version=number,
            run_id=None,
            created_at=NOW,
            summary="\n".join(texts),
            sentences=tuple(Sentence(text=each, category=text, attribute_ids=(1, 2)) for each in texts),
            revision=number,
            model=text,
        )

    return ProfileChange(before=version(1, text, "kept"), after=version(2, "kept", text + " again"))
