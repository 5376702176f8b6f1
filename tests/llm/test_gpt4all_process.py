"""Life and death of the child process: cancellation, crashes, idleness, and what it must not do."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scheduler_core.llm.gpt4all import Gpt4AllModel
from scheduler_core.llm.gpt4all_process import WorkerProcess, worker_environment
from scheduler_core.llm.models import available_memory, choose, discover, inspect
from scheduler_core.llm.provider import Completion, FinishReason
from scheduler_core.llm.quarantine import Quarantine
from tests import gguf_models
from tests.llm.conftest import MakeModel, is_gone, request

REPOSITORY = Path(__file__).parents[2]


def _process_id(model: Gpt4AllModel) -> int:
    assert model.process_id is not None
    return model.process_id


def _of_process(process_id: int, name: str) -> str:
    return Path(f"/proc/{process_id}/{name}").read_text()


async def _first_token(
    model: Gpt4AllModel, then: Callable[[], None] = lambda: None
) -> asyncio.Task[Completion]:
    """A request that has answered its first token, at which `then` was called."""
    arrived = asyncio.Event()

    def on_token(_: str) -> None:
        if not arrived.is_set():
            then()
        arrived.set()

    task = asyncio.ensure_future(model.complete(request("u", max_tokens=4000), on_token=on_token))
    await arrived.wait()
    return task


async def _cancel(task: asyncio.Task[Completion]) -> float:
    """Seconds from the cancel to the end of the task."""
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - started


async def test_cancelling_a_generation_stops_it_and_keeps_the_model(
    make_model: MakeModel, slow: Path
) -> None:
    model = make_model(slow)
    task = await _first_token(model)
    process_id = _process_id(model)
    assert await _cancel(task) < 1
    after = await model.complete(request("u", max_tokens=3))
    assert (after.finish, after.tokens_out) == (FinishReason.LENGTH, 3)
    assert model.process_id == process_id


async def test_cancelling_while_the_prompt_is_read_takes_less_than_a_second(
    make_model: MakeModel, slow: Path
) -> None:
    model = make_model(slow)
    await model.complete(request("u", max_tokens=1))
    tokens: list[str] = []
    task = asyncio.ensure_future(model.complete(request("x" * 3500), on_token=tokens.append))
    done, _ = await asyncio.wait({task}, timeout=0.3)
    assert not done
    assert await _cancel(task) < 1
    assert tokens == []
    assert (await model.complete(request("u", max_tokens=3))).finish is FinishReason.LENGTH


async def test_a_process_that_does_not_react_is_killed_within_a_second(
    make_model: MakeModel, endless: Path
) -> None:
    model = make_model(endless)
    task = await _first_token(model, lambda: os.kill(_process_id(model), signal.SIGSTOP))
    process_id = _process_id(model)
    assert await _cancel(task) < 1
    assert is_gone(process_id, seconds=1)
    assert (await model.complete(request("u", max_tokens=3))).finish is FinishReason.LENGTH


async def test_cancelling_while_the_model_loads_leaves_no_process(make_model: MakeModel, slow: Path) -> None:
    model = make_model(slow)
    await model.prepare()
    task = asyncio.ensure_future(model.complete(request("u")))
    while model.process_id is None:  # noqa: ASYNC110 - nothing announces the moment
        await asyncio.sleep(0)
    process_id = _process_id(model)
    assert await _cancel(task) < 1
    assert is_gone(process_id, seconds=1)


async def test_cancelling_a_waiting_request_does_not_disturb_the_running_one(
    make_model: MakeModel, slow: Path
) -> None:
    model = make_model(slow)
    running = await _first_token(model)
    waiting = asyncio.ensure_future(model.complete(request("v")))
    await asyncio.sleep(0)
    assert await _cancel(waiting) < 0.5
    assert not running.done()
    await _cancel(running)


async def test_a_request_that_takes_too_long_is_a_timeout_with_what_it_has(
    make_model: MakeModel, slow: Path
) -> None:
    model = make_model(slow)
    completion = await model.complete(request("u", max_tokens=4000, timeout=0.5))
    assert completion.finish is FinishReason.TIMEOUT
    assert completion.text.startswith("la la")
    assert completion.seconds < 1.5
    assert "0.5 seconds" in completion.detail


async def test_a_model_that_loads_too_slowly_is_a_timeout(make_model: MakeModel, slow: Path) -> None:
    model = make_model(slow, load_timeout=0.0)
    completion = await model.complete(request("u"))
    assert completion.finish is FinishReason.TIMEOUT
    assert model.process_id is None


async def test_an_error_of_the_listener_stops_the_generation(make_model: MakeModel, endless: Path) -> None:
    model = make_model(endless)

    def fail(_: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await model.complete(request("u", max_tokens=4000), on_token=fail)
    assert (await model.complete(request("u", max_tokens=3))).finish is FinishReason.LENGTH


async def test_a_crash_is_named_by_its_signal_and_the_next_request_works(
    make_model: MakeModel, endless: Path
) -> None:
    model = make_model(endless)
    task = await _first_token(model, lambda: os.kill(_process_id(model), signal.SIGSEGV))
    completion = await task
    assert completion.finish is FinishReason.CRASHED
    assert "SIGSEGV" in completion.detail
    assert (await model.complete(request("u", max_tokens=3))).finish is FinishReason.LENGTH


async def test_a_model_that_crashes_twice_is_set_aside_and_another_chosen(
    make_model: MakeModel, answering: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    bad = gguf_models.scripted(folder / "bad.gguf", {None: "la la la la " * 9}, loop=True)
    gguf_models.truncated(folder / "good.gguf", answering, missing=0)
    model = make_model(bad, state_dir=tmp_path / "state")
    for _ in range(2):
        crash = await _first_token(model, lambda: os.kill(_process_id(model), signal.SIGABRT))
        assert (await crash).finish is FinishReason.CRASHED
    refused = await model.complete(request("u"))
    assert refused.finish is FinishReason.ERROR
    assert "set aside" in refused.detail
    assert model.process_id is None
    files = discover([folder], memory_bytes=10**12, quarantine=Quarantine(tmp_path / "state"))
    assert choose(files).name == "good"


async def test_an_abort_of_native_code_is_seen_with_its_reason(tmp_path: Path) -> None:
    """What the header check keeps away: a type of tensor that gpt4all does not know ends the process."""
    small = gguf_models.with_architecture(tmp_path / "small.gguf", "llama")
    at = small.read_bytes().index(b"token_embd.weight") + len(b"token_embd.weight") + 4 + 2 * 8
    bad = gguf_models.corrupt(tmp_path / "bad.gguf", small, at=at, value=b"\x63\0\0\0")
    process = await WorkerProcess.start()
    load = {"op": "load", "kind": "text", "path": str(bad), "context": 256, "threads": 1}
    process.send(load | {"data_limit": 2**30})
    assert await process.messages.get() is None
    await process.kill()
    assert process.ending() == "SIGABRT"
    assert process.failed_assertion()
    assert str(tmp_path) not in process.failed_assertion()


async def test_a_file_truncated_while_loaded_is_a_crash_then_an_error(
    make_model: MakeModel, answering: Path, tmp_path: Path
) -> None:
    path = gguf_models.truncated(tmp_path / "m.gguf", answering, missing=0)
    model = make_model(path)
    assert (await model.complete(request("u"))).finish is FinishReason.STOP
    os.truncate(path, 8192)
    crashed = await model.complete(request("u"))
    assert crashed.finish is FinishReason.CRASHED
    assert "SIGBUS" in crashed.detail
    assert (await model.complete(request("u"))).finish is FinishReason.ERROR


async def test_a_process_killed_between_requests_is_replaced(make_model: MakeModel, answering: Path) -> None:
    model = make_model(answering)
    await model.complete(request("u"))
    process_id = _process_id(model)
    os.kill(process_id, signal.SIGKILL)
    while model.is_loaded:  # noqa: ASYNC110 - nothing announces the moment
        await asyncio.sleep(0)
    assert (await model.complete(request("u"))).finish is FinishReason.STOP
    assert model.process_id != process_id


async def test_an_idle_model_is_unloaded_and_loaded_again(make_model: MakeModel, answering: Path) -> None:
    model = make_model(answering, idle_seconds=0.05)
    await model.complete(request("u"))
    process_id = _process_id(model)
    assert await asyncio.to_thread(is_gone, process_id)
    assert not model.is_loaded
    assert (await model.complete(request("u"))).finish is FinishReason.STOP
    assert model.process_id != process_id


async def test_closing_ends_a_running_request_and_the_process(make_model: MakeModel, slow: Path) -> None:
    model = make_model(slow)
    task = await _first_token(model)
    process_id = _process_id(model)
    await model.aclose()
    assert (await task).finish is FinishReason.CANCELLED
    assert is_gone(process_id, seconds=1)


async def test_the_worker_leads_its_own_session_with_low_priority(
    make_model: MakeModel, answering: Path
) -> None:
    model = make_model(answering)
    await model.complete(request("u"))
    process_id = _process_id(model)
    assert os.getsid(process_id) == process_id
    assert os.getpriority(os.PRIO_PROCESS, process_id) > os.getpriority(os.PRIO_PROCESS, 0)
    assert _of_process(process_id, "oom_score_adj") == "1000\n"


async def test_the_worker_may_not_take_more_memory_than_there_is(
    make_model: MakeModel, answering: Path
) -> None:
    model = make_model(answering)
    await model.complete(request("u"))
    limits = _of_process(_process_id(model), "limits").splitlines()
    [line] = [line for line in limits if line.startswith("Max data size")]
    limit = int(line.removeprefix("Max data size").split()[0])
    assert 400 * 2**20 < limit <= available_memory() * 1.5


def test_the_worker_gets_no_secrets_of_the_host() -> None:
    environment = {
        "HOME": "/home/ada",
        "LLM_BAWT_POSTGRES_PASSWORD": "hunter2",
        "PGPASSWORD": "x",
        "PATH": "/bin",
    }
    assert worker_environment(environment) == {"HOME": "/home/ada"}


def test_a_model_works_on_an_event_loop_of_another_thread(answering: Path, tmp_path: Path) -> None:
    async def answer() -> FinishReason:
        model = Gpt4AllModel(
            inspect(answering),
            state_dir=tmp_path,
            threads=1,
            context_tokens=512,
            load_timeout=30,
            idle_seconds=0,
        )
        try:
            return (await model.complete(request("u"))).finish
        finally:
            await model.aclose()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: asyncio.run(answer())).result() is FinishReason.STOP


async def test_an_interrupt_does_not_reach_the_worker(make_model: MakeModel, slow: Path) -> None:
    model = make_model(slow)
    task = await _first_token(model, lambda: os.kill(_process_id(model), signal.SIGINT))
    done, _ = await asyncio.wait({task}, timeout=0.2)
    assert not done
    await _cancel(task)
    assert model.is_loaded


def _script(body: str) -> str:
    return textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from scheduler_core.llm.gpt4all import Gpt4AllModel
        from scheduler_core.llm.models import inspect
        from scheduler_core.llm.provider import Request

        model_path, state = Path(sys.argv[1]), Path(sys.argv[2])
        model = Gpt4AllModel(inspect(model_path), state_dir=state, threads=1, context_tokens=512,
                             load_timeout=30, idle_seconds=0)
        request = Request(system="s", user="x", max_tokens=400, timeout=60)
        """
    ) + textwrap.dedent(body)


def test_native_code_writes_nothing_to_the_parent_s_descriptors(answering: Path, tmp_path: Path) -> None:
    script = _script(
        """
        async def main():
            # On a busy machine asyncio itself would complain of slow steps.
            asyncio.get_running_loop().slow_callback_duration = 60
            fine = await model.complete(request)
            assert fine.finish == "stop", fine
            # gpt4all prints this error itself.
            long = await model.complete(Request(system="", user="x" * 5000, max_tokens=5, timeout=60))
            assert long.finish == "overflow", long
            await model.aclose()
        asyncio.run(main())
        """
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script, str(answering), str(tmp_path / "state")],
        capture_output=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_worker_dies_with_a_parent_that_is_killed(endless: Path, tmp_path: Path) -> None:
    script = _script(
        """
        async def main():
            def on_token(text):
                print(model.process_id, flush=True)
            while True:
                await model.complete(request, on_token=on_token)
        asyncio.run(main())
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(endless), str(tmp_path / "state")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert not is_gone(worker, seconds=0)
        parent.kill()
        assert is_gone(worker)
