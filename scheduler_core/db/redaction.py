"""Takes the name of an entity out of texts and JSON values, and leaves everything else as it is.

Entities are named in what runs record as `user/ada`, the memories of a bot also as `memory/nova/ID`. The name
of another entity that begins with the same letters is not touched. No statement runs here.
"""

import json
import re
import secrets
from collections.abc import Collection, Mapping
from typing import Any

from scheduler_core.domain import Entity, EntityType

# What cannot follow a name: more of a word. Signs may, because texts go on behind a name; ids that go on with
# one are known by the names of the others.
_ENDS = r"(?!\w)"
_NAMING = ("entity", "object")


def new_token() -> str:
    """What stands in the place of a name. It is drawn at random, so nothing leads back from it."""
    return f"forgotten-{secrets.token_hex(4)}"


def written_forms(text: str) -> tuple[str, ...]:
    """How a text may stand in a column: as it is, within JSON, an array, a row or escaped bytes."""
    as_json = json.dumps(text, ensure_ascii=False)[1:-1]
    forms = (
        text,
        as_json,
        json.dumps(text)[1:-1],
        as_json.replace("\\", "\\\\").replace('"', '\\"'),
        text.replace("\\", "\\\\").replace('"', '""'),
        "".join(
            chr(byte) if 31 < byte < 127 and byte != 92 else "\\\\" if byte == 92 else f"\\{byte:03o}"
            for byte in text.encode()
        ),
    )
    return tuple(dict.fromkeys(forms))


class Redaction:
    """Replaces one entity by a token.

    Args:
        others: names of other entities, such as `user/ada b`, that are longer than this one's.
    """

    def __init__(self, entity: Entity, token: str, *, others: Collection[str] = ()) -> None:
        self._entity = entity
        self._name = str(entity)
        self._is_bot = entity.type is EntityType.BOT
        self._token = token
        own = f"{re.escape(self._name)}{_ENDS}"
        if self._is_bot:
            own += f"|memory/{re.escape(entity.id)}(?=/)"
        longer = sorted((one for one in others if one.startswith(self._name)), key=len, reverse=True)
        kept = "".join(f"{re.escape(one)}{_ENDS}|" for one in longer if one != self._name)
        self._pattern = re.compile(rf"(?<![\w/])(?:{kept}(?P<own>{own}))", re.IGNORECASE)

    @property
    def token(self) -> str:
        return self._token

    @property
    def needles(self) -> list[str]:
        """A text that names the entity holds one of these, in lower case."""
        names = [self._name, f"memory/{self._entity.id}/"] if self._is_bot else [self._name]
        # What people edited keeps the settings of jobs as JSON within JSON, where the parts stand alone.
        parts = [json.dumps(self._entity.id, ensure_ascii=ascii_only) for ascii_only in (False, True)]
        forms = [form for name in names for form in written_forms(name)]
        forms += [form for part in parts for form in (part, json.dumps(part)[1:-1])]
        return list(dict.fromkeys(form.lower() for form in forms))

    def text(self, text: str) -> str:
        """A sentence without the name."""
        return self._pattern.sub(self._replaced, text)

    def json_text(self, text: str) -> str:
        """JSON as text without what concerns the entity; as it was where nothing does."""
        try:
            value = json.loads(text)
        except ValueError:
            return self.text(text)
        redacted = self.value(value)
        return text if redacted == value else json.dumps(redacted, ensure_ascii=False)

    def value(self, value: Any) -> Any:
        """The same value; an object that is about the entity leaves a marker with the token."""
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        for key in _NAMING:
            if self._is_named(value.get(key)):
                return self._marker(key)
        if self.is_narrowed(value):
            value = {**value, "entity_id": self._token}
        if self._is_bot and self._is_id(value.get("bot_id")):
            value = {**value, "bot_id": self._token}
        return {self.text(str(name)): self.value(item) for name, item in value.items()}

    def is_narrowed(self, config: Mapping[str, Any]) -> bool:
        """Whether the settings of a job narrow it to this entity."""
        return config.get("entity_type") == self._entity.type.value and self._is_id(config.get("entity_id"))

    def _marker(self, key: str) -> dict[str, object]:
        if key == "entity":
            return {"entity": self._token, "result": "forgotten"}
        return {"object": self._token, "before": [], "after": [], "why": "forgotten", "forgotten": True}

    def _string(self, text: str) -> str:
        if text.startswith(("{", "[")):
            return self.json_text(text)
        return self.text(text)

    def _is_named(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        match = self._pattern.fullmatch(value) or (
            self._pattern.match(value) if value.lower().startswith("memory/") else None
        )
        return match is not None and match["own"] is not None

    def _is_id(self, value: object) -> bool:
        return isinstance(value, str) and value.strip().lower() == self._entity.id

    def _replaced(self, match: re.Match[str]) -> str:
        return match[0] if match["own"] is None else self._token
