"""Settings: defaults, then `~/.config/llm-bawt/.env`, then `./.env`, then the environment.

All names carry the prefix `LLM_BAWT_`, in either case; other names are left alone, because both files are
shared with other applications. An empty value counts as not given, so a weaker source may have one; blanks
alone mean the default. This module reads and judges; it opens no connection and makes no folder.
"""

import difflib
import io
import logging
import os
import re
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import quote

from dotenv.parser import Binding, parse_stream
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from scheduler_core.errors import ConfigError

PREFIX = "LLM_BAWT_"

# Unless the program logs, the library's warning of each malformed line would reach the terminal.
logging.getLogger("dotenv").addHandler(logging.NullHandler())

SECRETS = frozenset({"database_url", "openai_api_key", "postgres_password", "webhook_secret", "webhook_url"})
_BOUNDS = ("ge", "gt", "le", "max_length")
_SHOWN_CHARACTERS = 80
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_BOT_NAME = re.compile(r"(?!\*)[^\s,\x00-\x1f\x7f-\x9f]{1,100}")
_WEB_ADDRESS = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)
_SERVER_ADDRESS = re.compile(
    r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?(?:/[^\s?#]*)?", re.IGNORECASE | re.ASCII
)
_HOST = re.compile(r"/.*|[^\s/?#@,\[\]]+")

# What a field takes where its bounds do not say it.
_WORDS = {
    "bots": "names separated by commas, each without spaces or * and at most 100 characters long",
    "data_dir": "a folder's path; ~ stands for your own folder",
    "database_url": "a PostgreSQL URL without control characters",
    "model_catalogue_url": "an address that starts with http:// or https://",
    "openai_api_key": "a key of at most 1000 visible ASCII characters",
    "openai_base_url": "http://HOST:PORT/v1 or https://HOST/v1, without user name, password or query",
    "metrics_host": "a host name or an address",
    "models_dir": "a folder's path; ~ stands for your own folder",
    "webhook_events": "one or more of failed, suspicious and missed, separated by commas",
    "webhook_url": "an address that starts with http:// or https://",
    "postgres_host": "a host name, an address, or the folder of a Unix socket",
    "postgres_database": "the name of a database, at most 63 bytes long",
}

PositiveSeconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Minutes = Annotated[int, Field(ge=1, le=5_256_000)]


class Settings(BaseModel):
    """One process's settings. `load_settings` reads them from their sources and words the errors.

    Made directly, it takes only what it is given. `.env.example` says what each setting means.
    """

    # Names may start with "model_": no method of pydantic is meant.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, protected_namespaces=())

    scheduler_enabled: bool = True
    scheduler_role: Literal["both", "scheduler", "worker"] = "both"
    task_queue: Literal["in-process", "pgqueuer"] = "in-process"
    scheduler_check_interval_seconds: Annotated[float, Field(ge=0.05, le=3600, allow_inf_nan=False)] = 30.0
    scheduler_max_concurrent_runs: Annotated[int, Field(ge=1, le=10_000)] = 8
    scheduler_lease_seconds: Annotated[float, Field(ge=2, le=3600, allow_inf_nan=False)] = 30.0
    scheduler_stop_grace_seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 10.0
    scheduler_run_timeout_seconds: PositiveSeconds = 1800.0
    scheduler_max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    scheduler_retry_base_seconds: PositiveSeconds = 30.0
    scheduler_suspicious_limit: Annotated[int, Field(ge=0, le=1000)] = 5
    scheduler_history_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    node_name: Annotated[str, Field(max_length=100)] = ""

    profile_maintenance_interval_minutes: Minutes = 60
    profile_maintenance_model: Annotated[str, Field(max_length=1000)] = ""
    memory_consolidation_interval_minutes: Minutes = 360
    memory_decay_interval_minutes: Minutes = 1440
    bots: tuple[str, ...] = ()

    model_timeout_seconds: PositiveSeconds = 300.0
    model_context_tokens: Annotated[int, Field(ge=512, le=131_072)] = 4096
    model_slots: Annotated[int, Field(ge=1, le=1000)] = 1
    model_threads: Annotated[int, Field(ge=0, le=256)] = 0
    model_idle_seconds: PositiveSeconds = 300.0
    model_memory_mb: Annotated[int, Field(ge=0, le=16_777_216)] = 0
    model_chat_template: Annotated[str, Field(max_length=10_000)] = ""
    model_catalogue_url: str = "https://gpt4all.io/models/models3.json"
    embedding_model: Annotated[str, Field(max_length=1000)] = ""
    openai_base_url: str = ""
    openai_model: Annotated[str, Field(max_length=300)] = ""
    openai_embedding_model: Annotated[str, Field(max_length=300)] = ""
    openai_api_key: SecretStr = SecretStr("")
    allow_remote_models: bool = False
    live_generation: bool = False

    database_url: SecretStr = SecretStr("")
    postgres_host: str = ""
    postgres_port: Annotated[int, Field(ge=1, le=65_535)] = 5432
    postgres_user: Annotated[str, Field(max_length=63)] = ""
    postgres_password: SecretStr = SecretStr("")
    postgres_database: str = "llm_bawt"
    database_pool_size: Annotated[int, Field(ge=2, le=200)] = 10

    data_dir: Path | None = None
    models_dir: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 0
    metrics_host: str = "127.0.0.1"
    webhook_url: SecretStr = SecretStr("")
    webhook_secret: SecretStr = SecretStr("")
    webhook_events: tuple[str, ...] = ("failed", "suspicious", "missed")

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_control_characters(cls, value: object) -> object:
        """No file name, host or column can hold a NUL, and the rest would reach a terminal."""
        text = str(value) if isinstance(value, Path) else value
        if isinstance(text, str) and _CONTROL.search(text):
            raise ValueError("control character")
        return value

    @field_validator("bots", mode="before")
    @classmethod
    def _split_bots(cls, value: object) -> object:
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, list | tuple):
            return value
        bots = tuple(dict.fromkeys(str(name).strip().lower() for name in names if str(name).strip()))
        if not all(_BOT_NAME.fullmatch(name) for name in bots):
            raise ValueError("not a name")
        return bots

    @field_validator("webhook_events", mode="before")
    @classmethod
    def _split_events(cls, value: object) -> object:
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, list | tuple):
            return value
        events = tuple(dict.fromkeys(str(name).strip().lower() for name in names if str(name).strip()))
        if not events or not set(events) <= {"failed", "suspicious", "missed"}:
            raise ValueError("not an event")
        return events

    @field_validator("webhook_url", mode="after")
    @classmethod
    def _check_webhook(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not _WEB_ADDRESS.fullmatch(value.get_secret_value()):
            raise ValueError("not an address")
        return value

    @field_validator("model_catalogue_url", mode="after")
    @classmethod
    def _check_address(cls, value: str) -> str:
        if not _WEB_ADDRESS.fullmatch(value):
            raise ValueError("not an address")
        return value

    @field_validator("openai_base_url", mode="after")
    @classmethod
    def _check_server_address(cls, value: str) -> str:
        found = _SERVER_ADDRESS.fullmatch(value)
        if value and (found is None or not 1 <= int(found[1] or 1) <= 65_535 or not value.isascii()):
            raise ValueError("not an address")
        return value

    @field_validator("openai_api_key", mode="after")
    @classmethod
    def _check_key(cls, value: SecretStr) -> SecretStr:
        # Anything else cannot stand in a header.
        if not re.fullmatch(r"[!-~]{0,1000}", value.get_secret_value()):
            raise ValueError("not a key")
        return value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower_level(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("data_dir", "models_dir", mode="after")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        try:
            return None if value is None else value.expanduser().absolute()
        except (OSError, RuntimeError):
            # Nobody has that name, or the current folder is gone.
            raise ValueError("no such home") from None

    @field_validator("metrics_host", mode="after")
    @classmethod
    def _check_metrics_host(cls, value: str) -> str:
        if not _HOST.fullmatch(value) or value.startswith("/"):
            raise ValueError("not a host")
        return value

    @field_validator("postgres_host", mode="after")
    @classmethod
    def _check_host(cls, value: str) -> str:
        bare = value.removeprefix("[").removesuffix("]")
        if bare and not _HOST.fullmatch(bare):
            raise ValueError("not a host")
        return bare

    @field_validator("postgres_database", mode="after")
    @classmethod
    def _check_database(cls, value: str) -> str:
        # PostgreSQL would cut a longer name and then say that the database is missing.
        if not 1 <= len(value.encode()) <= 63:
            raise ValueError("length")
        return value

    @property
    def external_url(self) -> str | None:
        """The URL of a configured server; None means the embedded one.

        It holds the password, so it must not be shown.
        """
        if url := self.database_url.get_secret_value():
            return url
        if not any(name.startswith("postgres_") for name in self.model_fields_set):
            return None
        user = quote(self.postgres_user, safe="")
        password = quote(self.postgres_password.get_secret_value(), safe="")
        credentials = f"{user}:{password}@" if password else f"{user}@" if user else ""
        host = self.postgres_host or "localhost"
        database = quote(self.postgres_database, safe="")
        if host.startswith("/"):
            # A folder is where the Unix socket lies.
            query = f"?host={quote(host, safe='')}&port={self.postgres_port}"
            return f"postgresql://{credentials}/{database}{query}"
        host = f"[{host}]" if ":" in host else host
        return f"postgresql://{credentials}{host}:{self.postgres_port}/{database}"

    @property
    def node_label(self) -> str:
        """How this node calls itself: the setting, else host and process."""
        return self.node_name or f"{socket.gethostname()}-{os.getpid()}"


def settings_files() -> tuple[Path, ...]:
    """The files that are read, the weaker one first."""
    try:
        return Path("~/.config/llm-bawt/.env").expanduser(), Path(".env")
    except RuntimeError:
        # An account without a home, as containers have.
        return (Path(".env"),)


class _FromSources(Settings, BaseSettings):
    """Settings that read the environment and the files they are told of while they are made."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        # Editors on Windows put a mark in front of the first name.
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        enable_decoding=False,
        extra="ignore",
    )

    @model_validator(mode="before")
    @classmethod
    def _strip(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Only a password keeps the blanks around it; blanks alone are the default."""
        for field, value in given.items():
            if isinstance(value, str) and field != "postgres_password":
                given[field] = value.strip()
        return {field: value for field, value in given.items() if value != ""}


def load_settings(**overrides: Any) -> Settings:
    """Reads all sources; `overrides` win over them and are named like the fields.

    Raises:
        ConfigError: names the variable, what was given (secrets excepted) and what is accepted.
        TypeError: an override that is no setting.
    """
    if strangers := overrides.keys() - Settings.model_fields.keys():
        raise TypeError(f"no such setting: {', '.join(sorted(strangers))}")
    for file in (files := settings_files()):
        # The library passes over some bad files in silence and does not explain the others.
        _lines(file)
    try:
        read = _FromSources(_env_file=files, **overrides)  # type: ignore[call-arg]  # the library's own keyword
    except ValidationError as error:
        raise _plain(error) from None
    # A plain value, equal to one that is made directly.
    return Settings(**read.model_dump(exclude_unset=True))


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A sentence for whatever in the sources was meant for us but is not understood.

    That is each `LLM_BAWT_` name that no setting has, with the nearest real name, and each line of the
    files that does not read `NAME=value`. Values are never shown.

    Raises:
        ConfigError: a file cannot be read.
    """
    names = {name for name in environment if name.upper().startswith(PREFIX)}
    sentences = []
    for file in settings_files():
        for line in _lines(file):
            ours = line.key is not None and line.key.upper().startswith(PREFIX)
            if line.error or (ours and line.value is None):
                text = line.original.string
                number = line.original.line + text[: len(text) - len(text.lstrip())].count("\n")
                sentences.append(f"{file}, line {number}: not NAME=value, so it is ignored.")
            elif ours and line.key is not None:
                names.add(line.key)
    for name in sorted(names):
        # Without the prefix, which would make everything look alike.
        bare = name.lower().removeprefix(PREFIX.lower())
        if bare not in Settings.model_fields:
            near = difflib.get_close_matches(bare, Settings.model_fields, n=1)
            hint = f" Did you mean {PREFIX}{near[0].upper()}?" if near else ""
            sentences.append(f"{_CONTROL.sub('?', name)} is not a setting.{hint}")
    return sentences


def _lines(file: Path) -> list[Binding]:
    """What stands on the lines of a file; nothing if it is missing."""
    try:
        mode = file.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            # Opening a pipe would wait for whoever writes into it, perhaps for ever.
            raise ConfigError(f"{file} is not a regular file.", "Replace or remove it.")
        return list(parse_stream(io.StringIO(file.read_text(encoding="utf-8-sig"))))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is not UTF-8 text.", "Save it as UTF-8, or remove it.") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.", "Correct or remove it.") from None


def _plain(error: ValidationError) -> ConfigError:
    fields = dict.fromkeys(str(detail["loc"][0]) for detail in error.errors())
    first = {str(detail["loc"][0]): detail for detail in reversed(error.errors())}
    return ConfigError(
        " ".join(_sentence(first[field]) for field in fields),
        "Correct the environment, ./.env or ~/.config/llm-bawt/.env.",
    )


def _sentence(detail: ErrorDetails) -> str:
    field = str(detail["loc"][0])
    given = "a value (hidden)" if field in SECRETS else _shown(detail["input"])
    return f"{PREFIX}{field.upper()} was given {given}, but accepts {_accepted(field)}."


def _shown(value: object) -> str:
    """Short enough for a line, and without the password of a URL in the wrong place."""
    shown = re.sub(r"://.*@", "://…@", repr(value))
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"


def _accepted(field: str) -> str:
    """What a setting takes, in words that follow "accepts"."""
    if field in _WORDS:
        return _WORDS[field]
    info = Settings.model_fields[field]
    if info.annotation is bool:
        return "true or false"
    if choices := get_args(info.annotation):
        return f"{', '.join(choices[:-1])} or {choices[-1]}"
    bounds = {name: getattr(item, name) for item in info.metadata for name in _BOUNDS if hasattr(item, name)}
    if "max_length" in bounds:
        return f"text of at most {bounds['max_length']} characters, none of them a control character"
    if "le" not in bounds:
        return "text without control characters"
    noun = "a whole number" if info.annotation is int else "a number"
    if "gt" in bounds:
        return f"{noun} above {bounds['gt']} and up to {bounds['le']}"
    return f"{noun} from {bounds['ge']} to {bounds['le']}"
