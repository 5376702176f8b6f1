"""Where everything that the program writes lies, as the settings say.

The console asks before it paints, so neither a database driver nor a model is imported for it.
"""

import os
from pathlib import Path

import platformdirs

from scheduler_core.db.embedded.account import make_data_dir
from scheduler_core.errors import ConfigError, EmbeddedServerError
from scheduler_core.settings import Settings


def default_data_dir() -> Path:
    """Where the program keeps its data unless told otherwise.

    That is the user's own data directory. Root gets /var/lib/llm-bawt, because the account that runs the
    server for root cannot enter root's home.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/llm-bawt")
    return platformdirs.user_data_path("llm-bawt")


def data_dir(settings: Settings) -> Path:
    """Where everything the program writes lies: `DATA_DIR`, else the platform's place for it."""
    if settings.data_dir is not None:
        return settings.data_dir
    return default_data_dir()


def prepared_data_dir(settings: Settings) -> Path:
    """`data_dir`, made if missing so that only its owner, and the embedded server's account, may enter.

    Beside a server of the user's own it need not suit an embedded one.

    Raises:
        EmbeddedServerError: it cannot be made or used.
    """
    directory = data_dir(settings)
    try:
        make_data_dir(directory)
    except EmbeddedServerError as error:
        if settings.external_url is None:
            raise
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            raise error from None
    return directory


def models_dir(settings: Settings) -> Path:
    """Where own model files lie: `MODELS_DIR`, else `models` in the data directory."""
    return settings.models_dir or data_dir(settings) / "models"


def prepared_models_dir(settings: Settings) -> Path:
    """`models_dir`, made if missing.

    Raises:
        ConfigError, EmbeddedServerError: it cannot be made.
    """
    if settings.models_dir is None and not data_dir(settings).exists():
        # Later an embedded server may move in, and it minds how its folder was made.
        prepared_data_dir(settings)
    folder = models_dir(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The folder {folder} cannot be made: {error.strerror}.", "Correct LLM_BAWT_MODELS_DIR."
        ) from None
    return folder
