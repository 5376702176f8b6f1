"""`models list`, `models download` and `models try`, as a person and a script see them."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scheduler_core.llm.checksums import Checksums
from tests import gguf_models
from tests.command_line.program import Finished, Program
from tests.llm import web_server
from tests.llm.web_server import Answer, Site


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Needs no database; a models folder that is empty."""
    (tmp_path / "data" / "models").mkdir(parents=True)
    return Program(home=tmp_path, data_dir=tmp_path / "data")


@pytest.fixture
def folder(program: Program) -> Path:
    return program.data_dir / "models"


@pytest.fixture
def site() -> Iterator[Site]:
    with web_server.serving() as site:
        yield site


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    routes = {"Zurich": "\x1b[31mred\x1b]0;title\x07 city", None: "a default answer"}
    return gguf_models.scripted(tmp_path_factory.mktemp("source") / "m.gguf", routes).read_bytes()


def _catalogue(site: Site, model: bytes, **changes: object) -> dict[str, str]:
    """The environment of a program that knows one model by its name."""
    entry = {
        "name": "Tiny Answer",
        "filename": "tiny.Q4_0.gguf",
        "filesize": str(len(model)),
        "parameters": "tiny",
        "ramrequired": "1",
        "url": site.put("/files/tiny.gguf", web_server.whole(model)),
    }
    listed = json.dumps([entry | changes]).encode()
    return {"LLM_BAWT_MODEL_CATALOGUE_URL": site.put("/models3.json", web_server.whole(listed))}


def test_the_list_names_what_is_taken_for_text_and_for_embeddings(program: Program, folder: Path) -> None:
    gguf_models.scripted(folder / "small.gguf", {None: "small"})
    gguf_models.scripted(folder / "large.gguf", {None: "large " * 300})
    gguf_models.embedding(folder / "embed.gguf")
    (folder / "broken.gguf").write_bytes(b"GGUF")
    listed = program.run("models", "list", "--json")
    assert listed.code == 0
    files = {file["name"]: file for file in listed.objects}
    assert {name: file["taken_for"] for name, file in files.items()} == {
        "broken": None,
        "embed": "embeddings",
        "large": "text",
        "small": None,
    }
    assert files["large"]["chosen"]
    assert not files["embed"]["chosen"]
    assert files["embed"]["dimensions"] == 64
    assert 0 < files["large"]["needed_bytes"] <= files["large"]["memory_free_bytes"]
    assert (files["large"]["architecture"], files["large"]["quantisation"]) == ("llama", "F32")
    assert files["large"]["context_tokens"] == 4096
    assert files["broken"]["verdict"] == "rejected"
    table = program.run("models", "list").out
    assert "→ text" in table
    assert "→ embeddings" in table
    assert " GB" in table


def test_the_list_follows_the_settings(program: Program, folder: Path, tmp_path: Path) -> None:
    gguf_models.scripted(folder / "small.gguf", {None: "small"})
    gguf_models.scripted(folder / "large.gguf", {None: "large " * 300})
    outside = gguf_models.embedding(tmp_path / "outside.gguf")
    wishes = {
        "LLM_BAWT_PROFILE_MAINTENANCE_MODEL": "small",
        "LLM_BAWT_EMBEDDING_MODEL": str(outside),
        "LLM_BAWT_MODEL_MEMORY_MB": "200",
    }
    listed = program.run("models", "list", "--json", environment=wishes)
    files = {file["name"]: file for file in listed.objects}
    assert (files["small"]["taken_for"], files["outside"]["taken_for"]) == ("text", "embeddings")
    assert files["large"]["memory_free_bytes"] == 200_000_000
    assert "Needs about 0.4 GB of memory; 0.2 GB are free" in files["large"]["reason"]


def test_a_wrong_wish_is_a_sentence_beside_the_list(program: Program, folder: Path) -> None:
    gguf_models.scripted(folder / "small.gguf", {None: "small"})
    wishes = {"LLM_BAWT_EMBEDDING_MODEL": "small", "LLM_BAWT_PROFILE_MAINTENANCE_MODEL": "gone"}
    listed = program.run("models", "list", environment=wishes)
    assert listed.code == 0
    assert "small" in listed.out
    assert "The model small makes no embeddings." in listed.err
    assert "The model gone was not found." in listed.err


def test_a_model_is_downloaded_by_its_name(program: Program, site: Site, folder: Path, model: bytes) -> None:
    environment = _catalogue(site, model)
    done = program.run("models", "download", "tiny answer", environment=environment)
    assert done.code == 0
    assert (folder / "tiny.Q4_0.gguf").read_bytes() == model
    assert done.out.startswith(str(folder / "tiny.Q4_0.gguf"))
    assert "No checksum was known" in done.err
    assert "downloading" in done.err
    assert "\x1b" not in done.err
    again = program.run("models", "download", "tiny answer", environment=environment)
    assert (again.code, again.out) == (2, "")
    assert "exists already" in again.err
    answered = program.run("models", "try", "hello")
    assert (answered.code, answered.out) == (0, "a default answer\n")


def test_a_download_by_address_is_compared_with_its_checksum(
    program: Program, site: Site, folder: Path, model: bytes
) -> None:
    url = site.put("/x.gguf", web_server.whole(model))
    wrong = program.run("models", "download", url, "--sha256", "0" * 64)
    assert wrong.code == 1
    assert "not what was expected" in wrong.err
    assert list(folder.iterdir()) == []
    known = program.run("models", "download", url, "--as", "mine.gguf", "--json")
    [done] = known.objects
    assert done["path"] == str(folder / "mine.gguf")
    assert Checksums(program.data_dir / "state").known(folder / "mine.gguf") == f"sha256:{done['sha256']}"
    right = program.run("models", "download", url, "--sha256", done["sha256"])
    assert right.code == 0
    assert "No checksum" not in right.err


def test_the_catalogue_is_listed_where_no_name_is_given(program: Program, site: Site, model: bytes) -> None:
    environment = _catalogue(site, model)
    assert "Tiny Answer" in program.run("models", "download", environment=environment).out
    [entry] = program.run("models", "download", "--json", environment=environment).objects
    assert entry["source"]["file_name"] == "tiny.Q4_0.gguf"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("models", "download", "tiny answr"), 2, "Did you mean: Tiny Answer?"),
        (("models", "download", "ftp://x/m.gguf"), 2, "must start with http:// or https://"),
        (("models", "download", "http://127.0.0.1:1/m.gguf"), 1, "127.0.0.1 cannot be reached."),
        (("models", "download", "http://127.0.0.1:1/m.bin"), 2, "--as NAME.gguf"),
        (("models", "download", "Tiny Answer"), 1, "but the catalogue says"),
        (("models", "try", "hello"), 1, "No model can be used."),
        (("models", "try", "hello", "--model", "gone"), 1, "The model gone was not found."),
        (("models", "try", "hello", "--embedding"), 1, "No model for embeddings can be used."),
        (("models", "try", "--embedding", "--system", "x", "y"), 2, "--system goes without --embedding"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    program: Program, site: Site, model: bytes, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = program.run(*arguments, environment=_catalogue(site, model, filesize="77"))
    assert (done.code, done.out) == (code, "")
    assert words in done.err


def test_an_interrupted_download_keeps_its_part_and_goes_on(
    program: Program, site: Site, folder: Path, model: bytes
) -> None:
    def half(request: Answer) -> None:
        request.start(200, length=len(model), ETag='"one"')
        request.wfile.write(model[: len(model) // 2])
        request.wfile.flush()
        site.released.wait(30)

    url = site.put("/x.gguf", half, web_server.whole(model))
    part = folder / "x.gguf.part"
    with program.start("models", "download", url) as started:
        _wait_for(lambda: part.exists() and part.stat().st_size == len(model) // 2)
        seconds, done = _interrupt(started)
    assert done.code == 130
    assert seconds < 1.5
    assert "goes on from here" in done.err
    assert part.stat().st_size == len(model) // 2
    assert program.run("models", "download", url).code == 0
    assert (folder / "x.gguf").read_bytes() == model


def test_a_model_is_tried_with_its_speed_on_stderr(program: Program, folder: Path) -> None:
    gguf_models.scripted(folder / "m.gguf", {"Think": "some words for a person", None: "nothing"})
    done = program.run("models", "try", "hello", "there", "--system", "Think.")
    assert (done.code, done.out) == (0, "some words for a person\n")
    assert "tokens/s" in done.err
    assert "first token after" in done.err
    assert "m (local) sha256:" in done.err


def test_a_trial_as_json_is_one_object(program: Program, folder: Path) -> None:
    gguf_models.scripted(folder / "m.gguf", {None: "some words for a person"})
    [done] = program.run("models", "try", "hello", "--json").objects
    assert (done["text"], done["finish"]) == ("some words for a person", "stop")
    assert done["tokens_in"] > 5
    assert done["tokens_per_second"] > 0
    assert 0 < done["seconds_to_first_token"] <= done["seconds"]
    assert done["model"]["checksum"].startswith("sha256:")


def test_an_answer_cannot_command_the_terminal(program: Program, folder: Path, model: bytes) -> None:
    (folder / "m.gguf").write_bytes(model)
    done = program.run("models", "try", "Zurich")
    assert done.code == 0
    assert "red" in done.out
    assert "\x1b" not in done.out
    assert "\x07" not in done.out


def test_an_answer_that_is_too_long_is_cut_and_says_so(program: Program, folder: Path) -> None:
    gguf_models.scripted(folder / "m.gguf", {None: "la la la "}, loop=True)
    done = program.run("models", "try", "sing", "--max-tokens", "5")
    assert done.code == 0
    assert "cut after 5 tokens" in done.err


def test_a_question_longer_than_the_context_fails(program: Program, folder: Path) -> None:
    gguf_models.scripted(folder / "m.gguf", {None: "words"}, ctx=512)
    done = program.run("models", "try", "x" * 2000)
    assert (done.code, done.out.strip()) == (1, "")
    assert "longer than the context" in done.err


def test_an_interrupt_ends_a_trial_within_a_second(program: Program, folder: Path) -> None:
    gguf_models.scripted(folder / "m.gguf", {None: "la la la "}, loop=True, slow=True)
    with program.start("models", "try", "sing", "--max-tokens", "4000") as started:
        assert started.stdout is not None
        os.read(started.stdout.fileno(), 1)
        seconds, done = _interrupt(started)
    assert done.code == 130
    assert seconds < 1.5
    assert "Traceback" not in done.err


def test_texts_are_embedded_and_compared_with_the_first(program: Program, folder: Path) -> None:
    gguf_models.embedding(folder / "e.gguf")
    texts = ("a cat sat", "a cat sat", "zzzz qqqq")
    [done] = program.run("models", "try", "--embedding", "--json", *texts).objects
    assert done["model"]["dimensions"] == 64
    assert [len(vector) for vector in done["vectors"]] == [64, 64, 64]
    same, other = done["similarities"][1:]
    assert same == pytest.approx(1.0)
    assert other < 0.9
    shown = program.run("models", "try", "--embedding", *texts)
    assert shown.out.splitlines()[1].split()[0] == "1.000"
    assert "64 dimensions" in shown.err


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _interrupt(started: "subprocess.Popen[str]") -> tuple[float, Finished]:
    before = time.monotonic()
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=30)
    return time.monotonic() - before, Finished(started.returncode, out, err)
