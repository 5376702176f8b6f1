"""Reading gpt4all's list of models, and names that become file names."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.errors import ConfigError, ModelError, NotFoundError
from scheduler_core.llm.catalogue import (
    LONGEST_NAME,
    CatalogueEntry,
    find_entry,
    parse_catalogue,
    safe_file_name,
    source_of,
)
from scheduler_core.llm.download import fetch_catalogue
from tests.llm import web_server
from tests.llm.web_server import Site

LIST = "https://models.example/models/models3.json"
MINI = {
    "order": "a",
    "md5sum": "DD90E2CB7F8E9316AC3796CECE9883B5",
    "name": "SBert",
    "filename": "all-MiniLM-L6-v2.gguf2.f16.gguf",
    "filesize": "45949216",
    "requires": "2.7.4",
    "ramrequired": "1",
    "parameters": "40 million",
    "quant": "f16",
    "embeddingModel": True,
    "url": "https://files.example/all-MiniLM-L6-v2.gguf2.f16.gguf",
}


@pytest.fixture
def site() -> Iterator[Site]:
    with web_server.serving() as site:
        yield site


def entries(*items: object) -> tuple[CatalogueEntry, ...]:
    return parse_catalogue(json.dumps(items).encode(), url=LIST)


def test_an_entry_has_its_address_size_and_checksum() -> None:
    [entry] = entries(MINI)
    assert (entry.name, entry.parameters, entry.quantisation, entry.memory) == (
        "SBert",
        "40 million",
        "f16",
        "1",
    )
    assert entry.is_embedding
    assert not entry.is_withdrawn
    assert entry.source.url == MINI["url"]
    assert entry.source.size_bytes == 45_949_216
    assert entry.source.digests == (("md5", "dd90e2cb7f8e9316ac3796cece9883b5"),)


def test_a_stronger_checksum_comes_first() -> None:
    [entry] = entries(MINI | {"sha256sum": "AB" * 32})
    assert entry.source.digests == (("sha256", "ab" * 32), ("md5", "dd90e2cb7f8e9316ac3796cece9883b5"))


def test_an_entry_without_address_lies_beside_the_list() -> None:
    [entry] = entries({"filename": "m.gguf"})
    assert entry.source.url == "https://models.example/models/gguf/m.gguf"
    assert (entry.name, entry.source.size_bytes, entry.source.digests) == ("m.gguf", None, ())


@pytest.mark.parametrize(
    "item",
    [
        3,
        None,
        {},
        {"filename": "m.bin"},
        {"filename": 3},
        {"filename": "m.gguf", "url": "file:///etc/passwd"},
        {"filename": "m.gguf", "url": "javascript:x"},
    ],
)
def test_an_entry_that_cannot_be_downloaded_is_left_out(item: object) -> None:
    assert [entry.name for entry in entries(item, MINI)] == ["SBert"]


@pytest.mark.parametrize("content", [b"", b"<html>", b"{}", b"[]", b'["x"]', b"[" * 100_000, b"\xff"])
def test_what_is_no_list_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        parse_catalogue(content, url=LIST)


@pytest.mark.parametrize("name", ["sbert", " SBert ", "all-minilm-l6-v2.gguf2.f16", MINI["filename"]])
def test_an_entry_is_found_by_name_or_file_name(name: str) -> None:
    assert find_entry(entries(MINI), name).name == "SBert"


def test_of_two_entries_of_a_name_the_one_that_is_still_there_is_taken() -> None:
    old = MINI | {"filename": "old.gguf", "removedIn": "2.7.4"}
    assert find_entry(entries(old, MINI), "sbert").source.file_name == MINI["filename"]
    assert find_entry(entries(old, MINI), "old").source.file_name == "old.gguf"


def test_an_unknown_name_is_answered_with_similar_ones() -> None:
    with pytest.raises(NotFoundError) as caught:
        find_entry(entries(MINI), "sberd")
    assert caught.value.hint == "Did you mean: SBert?"
    with pytest.raises(NotFoundError) as caught:
        find_entry(entries(MINI), "zzzzzz")
    assert "models download" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("m.gguf", "m.gguf"),
        ("M.Q4_0.GGUF", "M.Q4_0.gguf"),
        ("../../etc/m.gguf", "m.gguf"),
        ("..\\..\\m.gguf", "m.gguf"),
        (".hidden.gguf", "hidden.gguf"),
        ("a\0b\x1b[2J:*?.gguf", "a_b__2J___.gguf"),
        ("m.bin", ""),
        (".gguf", ""),
        ("", ""),
        ("gguf", ""),
    ],
)
def test_a_name_becomes_safe_or_nothing(name: str, safe: str) -> None:
    assert safe_file_name(name) == safe


@given(st.text(max_size=300), st.sampled_from(["", ".gguf", ".GGUF", "/../x.gguf"]))
def test_no_name_leaves_its_folder(name: str, suffix: str) -> None:
    safe = safe_file_name(name + suffix)
    assert not safe or safe.endswith(".gguf")
    assert not set(safe) & set("/\\\0:\n\x1b")
    assert not safe.startswith(".")
    assert len(safe.encode()) <= LONGEST_NAME + 5


def test_an_address_gives_its_name() -> None:
    source = source_of(
        "https://example.org/a%20b/My%20model.gguf?download=true", sha256="sha256:" + "AB" * 32
    )
    assert source.file_name == "My model.gguf"
    assert source.digests == (("sha256", "ab" * 32),)
    assert source_of("https://example.org/get?id=3", file_name="m.gguf").file_name == "m.gguf"


@pytest.mark.parametrize(
    ("url", "sha256", "words"),
    [
        ("ftp://x/m.gguf", "", "no address"),
        ("http:///m.gguf", "", "no address"),
        ("http://[x/m.gguf", "", "no address"),
        ("http://x/model.bin", "", "must end in .gguf"),
        ("http://x/", "", "must end in .gguf"),
        ("http://x/m.gguf", "abc", "64 hexadecimal digits"),
    ],
)
def test_an_address_or_a_checksum_that_is_none_is_refused(url: str, sha256: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        source_of(url, sha256=sha256)
    assert words in caught.value.title


def test_the_list_is_fetched(site: Site) -> None:
    url = site.put("/models/models3.json", web_server.whole(json.dumps([{"filename": "m.gguf"}]).encode()))
    [entry] = fetch_catalogue(url)
    assert entry.source.url == site.address + "/models/gguf/m.gguf"


def test_a_list_that_does_not_come_is_a_sentence(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        fetch_catalogue(site.address + "/gone")
    with pytest.raises(ModelError, match="cannot be fetched"):
        fetch_catalogue(site.put("/busy", web_server.status(503)))
    with pytest.raises(ModelError, match="cannot be read"):
        fetch_catalogue(site.put("/page", web_server.whole(b"<html>")))
    monkeypatch.setattr("scheduler_core.llm.download.CATALOGUE_BYTES", 10)
    with pytest.raises(ModelError, match="too long"):
        fetch_catalogue(site.put("/long", web_server.whole(b"[" + b" " * 1000 + b"]")))
