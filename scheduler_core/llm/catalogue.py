"""The list of models that gpt4all publishes, and how one of them is named.

The list is foreign text: entries that cannot be understood are left out, and no name in it becomes a path
before `safe_file_name` has seen it. Nothing is fetched here.
"""

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit

from scheduler_core.errors import ConfigError, ModelError, NotFoundError

MOST_ENTRIES = 10_000
LONGEST_NAME = 150

_DIGEST = {"md5": re.compile(r"[0-9a-f]{32}"), "sha256": re.compile(r"[0-9a-f]{64}")}
_UNSAFE = re.compile(r"[^\w.+() -]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file to download and what is known of it beforehand.

    Attributes:
        url: http or https.
        file_name: safe, and ends in `.gguf`.
        size_bytes: None if unknown.
        digests: algorithm (`md5`, `sha256`) to hexadecimal digits; may be empty.
    """

    url: str
    file_name: str
    size_bytes: int | None
    digests: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """One model of the list.

    Attributes:
        memory: what the list says about the memory it needs, in gigabytes; may be empty.
        is_withdrawn: a later release of gpt4all does without it; another entry may replace it.
    """

    name: str
    source: Source
    parameters: str
    quantisation: str
    memory: str
    is_embedding: bool
    is_withdrawn: bool


def parse_catalogue(content: bytes, *, url: str) -> tuple[CatalogueEntry, ...]:
    """The entries in their order; addresses are taken relative to the list's own `url`.

    Raises:
        ModelError: it is no such list, or nothing in it can be used.
    """
    try:
        listed = json.loads(content)
    except (ValueError, RecursionError):
        listed = None
    entries = [_entry(item, url) for item in listed[:MOST_ENTRIES]] if isinstance(listed, list) else []
    found = tuple(entry for entry in entries if entry is not None)
    if not found:
        raise ModelError(
            "The catalogue of models cannot be read.",
            "Check LLM_BAWT_MODEL_CATALOGUE_URL, or name a model by its address.",
        )
    return found


def find_entry(entries: Sequence[CatalogueEntry], wanted: str) -> CatalogueEntry:
    """The entry of that name or file name, in any case, with or without `.gguf`; withdrawn ones last.

    Raises:
        NotFoundError: there is none; the hint names similar ones.
    """
    key = wanted.strip().casefold()
    matches = [entry for entry in entries if key in _names(entry)]
    if matches:
        return min(matches, key=lambda entry: entry.is_withdrawn)
    names = {name: entry.name for entry in entries for name in _names(entry)}
    near = dict.fromkeys(names[name] for name in difflib.get_close_matches(key, names, n=5, cutoff=0.5))
    near |= dict.fromkeys(entry.name for entry in entries if key and key in entry.name.casefold())
    hint = (
        f"Did you mean: {', '.join(near)}?" if near else "List the names with: bawt-console models download"
    )
    raise NotFoundError(f"The catalogue has no model {wanted!r}.", hint)


def source_of(url: str, *, file_name: str = "", sha256: str = "") -> Source:
    """What to download from an address that a person gave.

    Args:
        file_name: what to call it; empty takes the end of the address.

    Raises:
        ConfigError: not such an address, name or checksum.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError("That is no address to download from.", "It must start with http:// or https://.")
    digest = sha256.strip().lower().removeprefix("sha256:")
    if digest and not _DIGEST["sha256"].fullmatch(digest):
        raise ConfigError("--sha256 needs 64 hexadecimal digits.")
    name = safe_file_name(file_name or unquote(parts.path.rpartition("/")[2]))
    if not name:
        raise ConfigError(
            "The file's name must end in .gguf, which gpt4all demands.", "Give it one: --as NAME.gguf"
        )
    return Source(url=url, file_name=name, size_bytes=None, digests=(("sha256", digest),) if digest else ())


def safe_file_name(name: str) -> str:
    """A name without folders, hidden files and odd characters; empty if it does not end in `.gguf`."""
    bare = _UNSAFE.sub("_", name.replace("\\", "/").rpartition("/")[2]).strip(". ")
    stem, dot, suffix = bare.rpartition(".")
    stem = stem.encode()[:LONGEST_NAME].decode("utf-8", "ignore").strip()
    return f"{stem}.gguf" if stem and dot and suffix.lower() == "gguf" else ""


def _entry(item: object, url: str) -> CatalogueEntry | None:
    if not isinstance(item, dict):
        return None
    given = {key: str(value).strip() for key, value in item.items() if isinstance(value, str | int)}
    file_name = safe_file_name(given.get("filename", ""))
    # gpt4all itself looks beside its list where an entry has no address.
    address = urljoin(url, given.get("url") or f"gguf/{file_name}")
    if not file_name or urlsplit(address).scheme not in ("http", "https"):
        return None
    size = given.get("filesize", "")
    digests = tuple(
        (kind, given[key].lower())
        for kind, key in (("sha256", "sha256sum"), ("md5", "md5sum"))
        if _DIGEST[kind].fullmatch(given.get(key, "").lower())
    )
    return CatalogueEntry(
        name=given.get("name") or file_name,
        source=Source(
            url=address,
            file_name=file_name,
            size_bytes=int(size) if size.isascii() and size.isdigit() and len(size) < 16 else None,
            digests=digests,
        ),
        parameters=given.get("parameters", ""),
        quantisation=given.get("quant", ""),
        memory=given.get("ramrequired", ""),
        is_embedding=item.get("embeddingModel") is True,
        is_withdrawn=bool(given.get("removedIn")),
    )


def _names(entry: CatalogueEntry) -> tuple[str, str, str]:
    file_name = entry.source.file_name.casefold()
    return entry.name.casefold(), file_name, file_name.removesuffix(".gguf")
