"""A small JSON object on disk that survives a crash while it is written.

For notes that are convenient to keep and harmless to lose: a damaged file reads as empty, and a write that
fails is logged. Two processes that write at once may lose one of the changes, never the file.
"""

import json
import logging
import os
import tempfile
from pathlib import Path

logger = logging.getLogger(__name__)

JsonObject = dict[str, object]


class StateFile:
    """One file, readable by its owner only.

    Args:
        path: its folder is made on the first write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> JsonObject:
        try:
            content = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def write(self, content: JsonObject) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump(content, file, indent=1, sort_keys=True)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(self._path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            logger.warning("%s cannot be written: %s", self._path.name, error.strerror)
