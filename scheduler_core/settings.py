"""Settings: defaults, then `~/.config/llm-bawt/.env`, then `./.env`, then the environment.

All names carry the prefix `LLM_BAWT_`. This module reads settings and judges each value; it opens nothing
and makes no folder.
"""

import difflib
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from scheduler_core.errors import ConfigError

PREFIX = "LLM_BAWT_"

_SECRETS = frozenset({"database_url", "postgres_password"})
_BOT_NAME = re.compile(r"[^\s,*][^\s,]{0,99}")

PositiveSeconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Minutes = Annotated[int, Field(ge=1, le=5_256_000)]


class Settings(BaseSettings):
    """One process's settings. Read them with `load_settings`, which words the errors."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=False,
    )

    scheduler_enabled: bool = True
    scheduler_check_interval_seconds: Annotated[float, Field(ge=0.05, le=3600)] = 30.0
    scheduler_max_concurrent_runs: Annotated[int, Field(ge=1, le=10_000)] = 8
    scheduler_lease_seconds: Annotated[float, Field(ge=2, le=3600)] = 30.0
    scheduler_stop_grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 10.0
    scheduler_run_timeout_seconds: PositiveSeconds = 1800.0
    scheduler_max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    scheduler_retry_base_seconds: PositiveSeconds = 30.0
    scheduler_history_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    node_name: Annotated[str, Field(max_length=100)] = ""

    profile_maintenance_interval_minutes: Minutes = 60
    profile_maintenance_model: str = ""
    memory_consolidation_interval_minutes: Minutes = 360
    memory_decay_interval_minutes: Minutes = 1440
    bots: Annotated[tuple[str, ...], NoDecode] = ()

    model_timeout_seconds: PositiveSeconds = 300.0
    model_context_tokens: Annotated[int, Field(ge=512, le=131_072)] = 4096
    model_threads: Annotated[int, Field(ge=0, le=256)] = 0
    model_idle_seconds: PositiveSeconds = 300.0

    database_url: SecretStr = SecretStr("")
    postgres_host: str = ""
    postgres_port: Annotated[int, Field(ge=1, le=65_535)] = 5432
    postgres_user: str = ""
    postgres_password: SecretStr = SecretStr("")
    postgres_database: str = "llm_bawt"
    database_pool_size: Annotated[int, Field(ge=2, le=200)] = 10

    data_dir: Path | None = None
    models_dir: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("bots", mode="before")
    @classmethod
    def _split_bots(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = tuple(dict.fromkeys(name.strip().lower() for name in value.split(",") if name.strip()))
        for name in names:
            if not _BOT_NAME.fullmatch(name):
                raise ValueError(
                    "names separated by commas, without spaces or *, at most 100 characters each"
                )
        return names

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower_level(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("data_dir", "models_dir", mode="after")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @property
    def external_url(self) -> str | None:
        """The URL of a configured server; None means the embedded one."""
        if url := self.database_url.get_secret_value():
            return url
        given = self.model_fields_set & {
            "postgres_host",
            "postgres_port",
            "postgres_user",
            "postgres_password",
        }
        if not given and "postgres_database" not in self.model_fields_set:
            return None
        password = self.postgres_password.get_secret_value()
        user = quote(self.postgres_user, safe="")
        credentials = f"{user}:{quote(password, safe='')}@" if password else f"{user}@" if user else ""
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
    return Path("~/.config/llm-bawt/.env").expanduser(), Path(".env")


def load_settings(**overrides: object) -> Settings:
    """Reads all sources; `overrides` win over them and are named like the fields.

    Raises:
        ConfigError: names the variable, what was given (secrets excepted) and what is accepted.
    """
    files = settings_files()
    for file in files:
        _check_readable(file)
    try:
        return Settings(_env_file=files, **overrides)  # type: ignore[call-arg, arg-type]  # pydantic's own keywords
    except ValidationError as error:
        raise _plain(error) from None


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each `LLM_BAWT_` name that no setting has, with the nearest real name."""
    from dotenv import dotenv_values

    names = set(environment)
    for file in settings_files():
        if file.is_file():
            names |= set(dotenv_values(file))
    known = [f"{PREFIX}{field.upper()}" for field in Settings.model_fields]
    sentences = []
    for name in sorted(names):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            sentences.append(f"{name} is not a setting.{hint}")
    return sentences


def _check_readable(file: Path) -> None:
    """The library would pass over an unreadable file in silence, or fail with a traceback."""
    if not file.exists():
        return
    try:
        file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is not UTF-8 text.", "Save it as UTF-8, or remove it.") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.", "Correct or remove it.") from None


def _plain(error: ValidationError) -> ConfigError:
    sentences = [_sentence(detail) for detail in error.errors()]
    return ConfigError(" ".join(sentences), "Correct the environment, ./.env or ~/.config/llm-bawt/.env.")


def _sentence(detail: ErrorDetails) -> str:
    location = str(detail["loc"][0])
    field = location.lower().removeprefix(PREFIX.lower())
    given = "a value (hidden)" if field in _SECRETS else repr(detail["input"])
    message = detail["msg"].removeprefix("Value error, ")
    return f"{PREFIX}{field.upper()} was given {given}, but accepts {_accepted(field, message)}."


def _accepted(field: str, message: str) -> str:
    """What the field takes, in words; pydantic's own message where there is nothing better."""
    annotation = Settings.model_fields[field].annotation
    if annotation is bool:
        return "true or false"
    bounds = {type(item).__name__: item for item in Settings.model_fields[field].metadata}
    low = getattr(bounds.get("Ge"), "ge", getattr(bounds.get("Gt"), "gt", None))
    high = getattr(bounds.get("Le"), "le", None)
    if annotation in (int, float) and low is not None and high is not None:
        noun = "a whole number" if annotation is int else "a number"
        words = "above" if "Gt" in bounds else "from"
        return (
            f"{noun} {words} {low:g} to {high:g}"
            if words == "from"
            else f"{noun} above {low:g} up to {high:g}"
        )
    if field == "log_level":
        return "debug, info, warning or error"
    return message[:1].lower() + message[1:]
