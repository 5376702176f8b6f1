"""Where settings come from, what they accept, and how a wrong one is explained."""

import asyncio
import contextlib
import os
import re
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from pydantic import SecretStr, ValidationError

from scheduler_core.db.connect import Address, connect
from scheduler_core.db.embedded.server import EmbeddedServer
from scheduler_core.errors import ConfigError
from scheduler_core.settings import (
    PREFIX,
    SECRETS,
    Settings,
    load_settings,
    settings_files,
    unknown_variables,
)

FIELDS = sorted(Settings.model_fields)
EXAMPLE = Path(__file__).parents[1] / ".env.example"
CANARY = "sw0rdfish"

# A value that each field refuses, with words of the sentence that says what it takes.
WRONG = {
    "allow_remote_models": ("perhaps", "true or false"),
    "live_generation": ("now and then", "true or false"),
    "bots": ("ada, *", "names separated by commas"),
    "data_dir": ("~nobody-has-this-name/x", "a folder's path"),
    "database_pool_size": ("1", "a whole number from 2 to 200"),
    "database_url": (f"postgresql://a:{CANARY}\x1b@b/c", "a PostgreSQL URL"),
    "scheduler_suspicious_limit": ("-1", "a whole number from 0 to 1000"),
    "log_format": ("xml", "text or json"),
    "metrics_port": ("65536", "a whole number from 0 to 65535"),
    "metrics_host": ("a b", "a host name or an address"),
    "webhook_url": ("ftp://x", "an address that starts with http:// or https://"),
    "webhook_secret": ("a\x07b", "text without control characters"),
    "webhook_events": ("lost", "one or more of failed, suspicious and missed, separated by commas"),
    "log_level": ("loud", "debug, info, warning or error"),
    "memory_consolidation_interval_minutes": ("0", "a whole number from 1 to 5256000"),
    "memory_decay_interval_minutes": ("1.5", "a whole number from 1 to 5256000"),
    "embedding_model": ("e" * 1001, "text of at most 1000 characters"),
    "model_catalogue_url": ("ftp://models", "an address that starts with http:// or https://"),
    "model_chat_template": ("t" * 10_001, "text of at most 10000 characters"),
    "model_context_tokens": ("511", "a whole number from 512 to 131072"),
    "model_idle_seconds": ("0", "a number above 0 and up to 86400"),
    "model_memory_mb": ("1.5", "a whole number from 0 to 16777216"),
    "model_slots": ("0", "a whole number from 1 to 1000"),
    "model_threads": ("-1", "a whole number from 0 to 256"),
    "model_timeout_seconds": ("inf", "a number above 0 and up to 86400"),
    "models_dir": ("a\x7fb", "a folder's path"),
    "node_name": ("n" * 101, "text of at most 100 characters"),
    "openai_api_key": (f"{CANARY} x", "a key of at most 1000 visible ASCII characters"),
    "openai_base_url": ("localhost:11434", "http://HOST:PORT/v1 or https://HOST/v1"),
    "openai_embedding_model": ("e" * 301, "text of at most 300 characters"),
    "openai_model": ("m" * 301, "text of at most 300 characters"),
    "postgres_database": ("ü" * 32, "the name of a database, at most 63 bytes"),
    "postgres_host": ("db/other", "a host name, an address, or the folder"),
    "postgres_password": (f"{CANARY}\x1b", "text without control characters"),
    "postgres_port": ("65536", "a whole number from 1 to 65535"),
    "postgres_user": ("u" * 64, "text of at most 63 characters"),
    "profile_maintenance_interval_minutes": ("hourly", "a whole number from 1 to 5256000"),
    "profile_maintenance_model": ("a\x1b[2Jb", "text of at most 1000 characters"),
    "scheduler_check_interval_seconds": ("nan", "a number from 0.05 to 3600"),
    "scheduler_enabled": ("maybe", "true or false"),
    "scheduler_history_days": ("9" * 5000, "a whole number from 1 to 36500"),
    "scheduler_lease_seconds": ("1e999", "a number from 2 to 3600"),
    "scheduler_max_attempts": ("21", "a whole number from 1 to 20"),
    "scheduler_max_concurrent_runs": ("10001", "a whole number from 1 to 10000"),
    "scheduler_retry_base_seconds": ("30s", "a number above 0 and up to 86400"),
    "scheduler_role": ("boss", "both, scheduler or worker"),
    "scheduler_run_timeout_seconds": ("-1", "a number above 0 and up to 86400"),
    "task_queue": ("rabbit", "in-process or pgqueuer"),
    "scheduler_stop_grace_seconds": ("-0.1", "a number from 0 to 3600"),
}


class Sources:
    """The two files of an account that has nothing else, and the environment."""

    def __init__(self, home: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.of_home = home / ".config" / "llm-bawt" / ".env"
        self.of_home.parent.mkdir(parents=True)
        self.of_folder = here / ".env"
        self._monkeypatch = monkeypatch

    def set(self, name: str, value: str) -> None:
        self._monkeypatch.setenv(name, value)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    home, here = tmp_path / "home", tmp_path / "here"
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    return Sources(home, here, monkeypatch)


def refusal(**overrides: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(**overrides)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_without_any_source_every_setting_has_its_default(sources: Sources) -> None:
    settings = load_settings()
    assert settings == Settings()
    assert not settings.model_fields_set
    assert unknown_variables({}) == []


def test_each_source_wins_over_the_one_before(sources: Sources) -> None:
    sources.of_home.write_text("".join(f"LLM_BAWT_{n}=1\n" for n in ("NODE_NAME", "BOTS", "POSTGRES_USER")))
    sources.of_folder.write_text("LLM_BAWT_NODE_NAME=2\nLLM_BAWT_BOTS=2\n")
    sources.set("LLM_BAWT_NODE_NAME", "3")
    settings = load_settings()
    assert (settings.postgres_user, settings.bots, settings.node_name) == ("1", ("2",), "3")
    assert load_settings(node_name="4").node_name == "4"


def test_only_names_with_the_prefix_count_in_either_case(sources: Sources) -> None:
    sources.of_folder.write_text("NODE_NAME=other\nllm_bawt_node_name=attic\nPOSTGRES_HOST=elsewhere\n")
    sources.set("BOTS", "other")
    settings = load_settings()
    assert (settings.node_name, settings.bots, settings.external_url) == ("attic", (), None)


def test_keys_of_other_applications_are_left_alone(sources: Sources) -> None:
    sources.of_home.write_text('OPENAI_API_KEY=abc\nexport EDITOR="vi -n"\nXLLM_BAWT_BOTS=x\n')
    assert not load_settings().model_fields_set
    assert unknown_variables({"SOME_LLM_BAWT_NAME": "1"}) == []


@pytest.mark.parametrize("empty", ["", "  ", "''", "${LLM_BAWT_OF_NOBODY}"])
def test_an_empty_value_counts_as_not_given(sources: Sources, empty: str) -> None:
    sources.of_home.write_text("LLM_BAWT_NODE_NAME=attic\n")
    sources.of_folder.write_text(
        f"LLM_BAWT_NODE_NAME={empty}\nLLM_BAWT_POSTGRES_HOST={empty}\nLLM_BAWT_SCHEDULER_LEASE_SECONDS=9\n"
    )
    sources.set("LLM_BAWT_SCHEDULER_LEASE_SECONDS", "")
    settings = load_settings()
    assert (settings.node_name, settings.scheduler_lease_seconds) == ("attic", 9)
    assert settings.external_url is None


def test_blanks_around_a_value_are_cut_off_but_those_of_a_password(sources: Sources) -> None:
    sources.of_folder.write_text("LLM_BAWT_NODE_NAME='  attic '\nLLM_BAWT_POSTGRES_PASSWORD=' a '\n")
    sources.set("LLM_BAWT_LOG_LEVEL", " Debug\n")
    settings = load_settings()
    assert (settings.node_name, settings.log_level) == ("attic", "debug")
    assert settings.postgres_password.get_secret_value() == " a "


@pytest.mark.parametrize("empty", ["", "  "])
@pytest.mark.parametrize("field", sorted({*FIELDS} - {"postgres_password"}))
def test_an_empty_or_blank_value_of_any_setting_is_its_default(
    sources: Sources, field: str, empty: str
) -> None:
    sources.set(f"{PREFIX}{field.upper()}", empty)
    settings = load_settings()
    assert settings == Settings()
    assert not settings.model_fields_set


@pytest.mark.parametrize("field", FIELDS)
def test_a_wrong_value_names_the_variable_what_was_given_and_what_is_accepted(
    sources: Sources, field: str
) -> None:
    wrong, accepted = WRONG[field]
    sources.set(f"{PREFIX}{field.upper()}", wrong)
    said = refusal()
    assert said.startswith(f"{PREFIX}{field.upper()} was given ")
    assert f", but accepts {accepted}" in said
    assert ("(hidden)" if field in SECRETS else repr(wrong)[:80]) in said
    assert len(said) < 400
    assert said.isprintable()
    for jargon in ("nput should", "unable to", "Value error", "pydantic", "String should"):
        assert jargon not in said


@pytest.mark.parametrize("field", FIELDS)
def test_no_setting_takes_a_control_character(sources: Sources, field: str) -> None:
    sources.of_folder.write_bytes(f"{PREFIX}{field.upper()}='x\0y'\n".encode())
    assert f"{PREFIX}{field.upper()} was given" in refusal()


def test_every_wrong_value_is_named_at_once_and_each_once(sources: Sources) -> None:
    said = refusal(postgres_port="x", scheduler_lease_seconds=0)
    assert said.count("LLM_BAWT_POSTGRES_PORT") == said.count("LLM_BAWT_SCHEDULER_LEASE_SECONDS") == 1


def test_an_override_that_is_no_setting_is_a_mistake_of_the_program(sources: Sources) -> None:
    with pytest.raises(TypeError, match="databse_url"):
        load_settings(databse_url="postgresql://h/d")


def test_passwords_are_shown_nowhere(sources: Sources) -> None:
    url = f"postgresql://ada:{CANARY}@db/x"
    settings = load_settings(postgres_password=CANARY, database_url=url, openai_api_key=CANARY)
    assert CANARY not in f"{settings!r}{settings}{settings.model_dump()}"
    assert CANARY not in refusal(openai_api_key=f"{CANARY} ä", openai_base_url=f"http://u:{CANARY}@h/v1")
    assert CANARY not in refusal(postgres_password=f"{CANARY}\0", database_url=f"{url}\0")
    assert CANARY not in refusal(postgres_host=url)
    with pytest.raises(ValidationError) as caught:
        Settings(postgres_password=SecretStr(CANARY), postgres_port=0)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("LLM_BAWT_SHEDULER_ENABLED", "LLM_BAWT_SCHEDULER_ENABLED"),
        ("LLM_BAWT_POSTGRES_PASWORD", "LLM_BAWT_POSTGRES_PASSWORD"),
        ("llm_bawt_data_dirs", "LLM_BAWT_DATA_DIR"),
    ],
)
def test_a_misspelt_name_is_warned_about_with_the_nearest_real_one(
    sources: Sources, name: str, nearest: str
) -> None:
    expected = [f"{name} is not a setting. Did you mean {nearest}?"]
    assert unknown_variables({name: CANARY}) == expected
    for file in (sources.of_home, sources.of_folder):
        file.write_text(f"{name}={CANARY}\n")
        assert unknown_variables({}) == expected
        file.unlink()


def test_a_name_near_to_nothing_is_warned_about_without_a_guess(sources: Sources) -> None:
    assert unknown_variables({"LLM_BAWT_QQQQQQQQ": "1"}) == ["LLM_BAWT_QQQQQQQQ is not a setting."]


def test_real_names_are_not_warned_about(sources: Sources) -> None:
    names = [f"{PREFIX}{field.upper()}" for field in FIELDS]
    assert unknown_variables(dict.fromkeys([*names, *map(str.lower, names)], "")) == []


def test_lines_that_cannot_be_understood_are_warned_about_and_the_others_count(sources: Sources) -> None:
    sources.of_folder.write_text(
        f"# a comment\n\nLLM_BAWT_NODE_NAME: {CANARY}\nLLM_BAWT_BOTS\nPATH\nLLM_BAWT_POSTGRES_USER=ada\n"
    )
    assert load_settings().postgres_user == "ada"
    assert unknown_variables({}) == [
        ".env, line 3: not NAME=value, so it is ignored.",
        ".env, line 4: not NAME=value, so it is ignored.",
    ]
    # In a process of its own, for pytest collects what is logged here.
    script = "from scheduler_core.settings import load_settings; print(load_settings().postgres_user)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("ada\n", "")


def test_a_file_saved_on_windows_is_read_in_full(sources: Sources) -> None:
    sources.of_folder.write_bytes("\ufeffLLM_BAWT_NODE_NAME=Zoë\r\nLLM_BAWT_BOTS=a\r\n".encode())
    settings = load_settings()
    assert (settings.node_name, settings.bots) == ("Zoë", ("a",))


def test_quotes_comments_and_export_are_understood(sources: Sources) -> None:
    sources.of_folder.write_text(
        "export LLM_BAWT_NODE_NAME='the attic' # upstairs\nLLM_BAWT_POSTGRES_PASSWORD='a b#c '\n"
    )
    settings = load_settings()
    assert settings.node_name == "the attic"
    assert settings.postgres_password.get_secret_value() == "a b#c "


def test_a_file_that_is_not_text_is_refused_by_name(sources: Sources) -> None:
    sources.of_folder.write_bytes(b"LLM_BAWT_NODE_NAME=\xff\xfe\n")
    assert refusal() == ".env is not UTF-8 text. Save it as UTF-8, or remove it."


def test_a_folder_in_place_of_the_file_is_refused_by_name(sources: Sources) -> None:
    sources.of_home.mkdir()
    assert refusal() == f"{sources.of_home} cannot be read: Is a directory. Correct or remove it."


def test_a_pipe_in_place_of_the_file_is_refused_by_name_and_not_waited_for(sources: Sources) -> None:
    os.mkfifo(sources.of_folder)
    assert refusal() == ".env is not a regular file. Replace or remove it."


def test_a_file_that_cannot_be_read_is_refused_by_name(sources: Sources) -> None:
    sources.of_folder.symlink_to(sources.of_folder)
    said = refusal()
    assert said.startswith(".env cannot be read: ")
    with pytest.raises(ConfigError):
        unknown_variables({})


def test_a_file_in_place_of_the_folder_counts_as_no_settings(sources: Sources) -> None:
    sources.of_home.parent.rmdir()
    sources.of_home.parent.write_text("")
    assert load_settings() == Settings()


def test_an_account_without_a_home_reads_the_file_of_the_folder(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    sources.of_folder.write_text("LLM_BAWT_NODE_NAME=attic\n")
    assert settings_files() == (Path(".env"),)
    assert load_settings().node_name == "attic"
    sources.set("LLM_BAWT_DATA_DIR", "~/data")
    assert "LLM_BAWT_DATA_DIR was given '~/data'" in refusal()


def test_a_folder_may_start_with_the_home_or_be_relative(sources: Sources, tmp_path: Path) -> None:
    settings = load_settings(data_dir="~/data", models_dir="models")
    assert settings.data_dir == tmp_path / "home" / "data"
    assert settings.models_dir == tmp_path / "here" / "models"
    assert not settings.data_dir.exists()


def test_bots_are_split_lower_cased_and_named_once(sources: Sources) -> None:
    assert load_settings(bots=" Nova,mira ,,nova,").bots == ("nova", "mira")
    assert Settings(bots=("Nova",)).bots == ("nova",)


@pytest.mark.parametrize("word", ["TRUE", "yes", "on", "1"])
def test_the_usual_words_for_true_are_understood(sources: Sources, word: str) -> None:
    sources.set("LLM_BAWT_SCHEDULER_ENABLED", f" {word} ")
    assert load_settings().scheduler_enabled is True


def test_a_node_without_a_name_is_called_by_host_and_process() -> None:
    assert re.fullmatch(r".+-\d+", Settings().node_label)
    assert Settings(node_name="attic").node_label == "attic"


def test_the_example_documents_every_setting_with_its_default(sources: Sources) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    shown = dict(re.findall(r"^#(LLM_BAWT_\w+)=(.*)$", "\n".join(lines), re.MULTILINE))
    assert list(shown) == [f"{PREFIX}{field.upper()}" for field in Settings.model_fields]
    for number, line in enumerate(lines):
        if line.startswith("#LLM_BAWT_"):
            assert re.match(r"# \S", lines[number - 1]), f"{line} is not explained"
    given = {name.lower().removeprefix(PREFIX.lower()): value for name, value in shown.items() if value}
    assert Settings.model_validate(given) == Settings()
    defaults = {field: info.default for field, info in Settings.model_fields.items()}
    empty = ("", (), None, SecretStr(""))
    assert {field for field, default in defaults.items() if default not in empty} == set(given)


def test_the_example_names_the_bounds_of_every_number(sources: Sources) -> None:
    blocks = EXAMPLE.read_text(encoding="utf-8").split("\n\n")
    for field, info in Settings.model_fields.items():
        [block] = [block for block in blocks if f"#{PREFIX}{field.upper()}=" in block]
        for item in info.metadata:
            for bound in ("ge", "gt", "le", "max_length"):
                if hasattr(item, bound):
                    assert str(getattr(item, bound)) in block, f"{field} {bound}"


def test_the_example_copied_as_it_is_changes_nothing(sources: Sources) -> None:
    sources.of_home.write_bytes(EXAMPLE.read_bytes())
    assert not load_settings().model_fields_set
    assert unknown_variables({}) == []


def test_reading_settings_needs_little() -> None:
    heavy = ("sqlalchemy", "asyncpg", "textual", "gpt4all", "numpy", "alembic", "click")
    script = (
        "import sys, scheduler_core.settings as s; s.settings_files = lambda: ();"
        f" s.load_settings(); print(*(set({heavy!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    "address",
    ["http://localhost:11434/v1", "https://api.example.org/v1", "HTTP://[::1]:8080", "http://127.0.0.1:1/"],
)
def test_the_address_of_a_model_server_may_have_these_forms(sources: Sources, address: str) -> None:
    assert load_settings(openai_base_url=address).openai_base_url == address


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8080",
        "ftp://localhost/v1",
        "http://",
        "http://u:p@localhost/v1",
        "http://localhost:70000/v1",
        "http://localhost:0/v1",
        "http://localhost/v1?key=1",
        "http://localhost/v1#x",
        "http://münchen.example/v1",
        "http://local host/v1",
        "http://localhost/ü",
    ],
)
def test_the_address_of_a_model_server_is_refused_in_any_other_form(sources: Sources, address: str) -> None:
    assert "LLM_BAWT_OPENAI_BASE_URL was given" in refusal(openai_base_url=address)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"postgres_host": "db"}, "postgresql://db:5432/llm_bawt"),
        ({"postgres_port": "6000"}, "postgresql://localhost:6000/llm_bawt"),
        ({"postgres_user": "ada"}, "postgresql://ada@localhost:5432/llm_bawt"),
        ({"postgres_password": "x"}, "postgresql://:x@localhost:5432/llm_bawt"),
        ({"postgres_database": "a/b c"}, "postgresql://localhost:5432/a%2Fb%20c"),
        ({"postgres_host": "::1", "postgres_user": "a@b"}, "postgresql://a%40b@[::1]:5432/llm_bawt"),
        ({"postgres_host": "[::1]"}, "postgresql://[::1]:5432/llm_bawt"),
        ({"postgres_host": "/run/pg"}, "postgresql:///llm_bawt?host=%2Frun%2Fpg&port=5432"),
        ({"postgres_host": "db", "database_url": "postgresql://other/y"}, "postgresql://other/y"),
    ],
)
def test_any_of_the_postgres_settings_means_a_server_of_ones_own(
    sources: Sources, given: dict[str, str], expected: str
) -> None:
    for field, value in given.items():
        sources.set(f"{PREFIX}{field.upper()}", value)
    assert load_settings().external_url == expected


async def test_a_socket_folder_reaches_the_server(postgres: EmbeddedServer) -> None:
    parts = urlsplit(postgres.url_of("postgres"))
    query = parse_qs(parts.query)
    settings = load_settings(
        postgres_host=query["host"][0],
        postgres_port=query.get("port", ["5432"])[0],
        postgres_user=query.get("user", [parts.username])[0],
        postgres_database="postgres",
    )
    assert settings.external_url is not None
    connection = await connect(Address.parse(settings.external_url), application="tests")
    assert await connection.fetchval("SELECT current_database()") == "postgres"
    await connection.close()


@asynccontextmanager
async def doorman() -> AsyncIterator[tuple[int, dict[str, str]]]:
    """A server that asks for the password in the clear, notes who came, and lets nobody in."""
    heard: dict[str, str] = {}

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            packet = await reader.readexactly(struct.unpack("!i", await reader.readexactly(4))[0] - 4)
            if packet[:4] == struct.pack("!i", 80877103):  # the client would like TLS
                writer.write(b"N")
                packet = await reader.readexactly(struct.unpack("!i", await reader.readexactly(4))[0] - 4)
            words = packet[4:].decode().split("\0")
            heard.update(zip(words[::2], words[1::2], strict=False))
            writer.write(b"R" + struct.pack("!ii", 8, 3))
            header = await reader.readexactly(5)
            heard["password"] = (await reader.readexactly(struct.unpack("!i", header[1:])[0] - 4))[
                :-1
            ].decode()
        writer.close()

    server = await asyncio.start_server(ask, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


@pytest.mark.parametrize("password", ["p@ss:w/rd?#[]", "100%25", "ümlaut ß 漢", "a b+c&d=e", "%", "'\"\\$"])
async def test_the_server_receives_user_password_and_database_as_they_were_given(password: str) -> None:
    async with doorman() as (port, heard):
        settings = load_settings(
            postgres_host="127.0.0.1",
            postgres_port=port,
            postgres_user=f"u{password}",
            postgres_password=password,
            postgres_database=f"d{password}",
        )
        assert settings.external_url is not None
        address = Address.parse(settings.external_url)
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
            await asyncpg.connect(address.dsn, timeout=5)
    assert (heard["user"], heard["password"], heard["database"]) == (
        f"u{password}",
        password,
        f"d{password}",
    )
    assert address.database == f"d{password}"
