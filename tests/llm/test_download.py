"""Downloads from servers that break off, lie, change their mind and serve rubbish."""

import errno
import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scheduler_core.errors import ModelError, NotFoundError, SchedulerError, StateError
from scheduler_core.llm.catalogue import Source
from scheduler_core.llm.download import RESERVE_BYTES, Download, Downloaded
from scheduler_core.llm.download_part import Part, open_part
from tests import gguf_models
from tests.llm import web_server
from tests.llm.web_server import Answer, Behaviour, Site

PLENTY = 10**13


@pytest.fixture
def site() -> Iterator[Site]:
    with web_server.serving() as site:
        yield site


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = gguf_models.scripted(tmp_path_factory.mktemp("source") / "m.gguf", {None: "an answer"})
    return path.read_bytes()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Another model of almost the same size."""
    path = gguf_models.scripted(tmp_path_factory.mktemp("source") / "o.gguf", {None: "another answer"})
    return path.read_bytes()


class Downloads:
    """Downloads into one folder and keeps what it was told."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.folder = folder
        self.site = site
        self.seen: list[tuple[str, int, int | None]] = []

    @property
    def target(self) -> Path:
        return self.folder / "m.gguf"

    @property
    def part(self) -> Path:
        return self.folder / "m.gguf.part"

    @property
    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def make(self, *behaviours: Behaviour, **known: Any) -> Download:
        url = self.site.put("/m.gguf", *behaviours) if behaviours else known.pop("url")
        source = Source(
            url=url,
            file_name="m.gguf",
            size_bytes=known.pop("size_bytes", None),
            digests=known.pop("digests", ()),
        )
        options: dict[str, Any] = {
            "progress": lambda *state: self.seen.append(state),
            "pauses": (0.0, 0.0),
            "free_bytes": lambda folder: PLENTY,
        }
        return Download(source, self.folder, **(options | known))

    def run(self, *behaviours: Behaviour, **known: Any) -> Downloaded:
        return self.make(*behaviours, **known).run()

    def refused(self, *behaviours: Behaviour, **known: Any) -> SchedulerError:
        with pytest.raises(SchedulerError) as caught:
            self.run(*behaviours, **known)
        assert not self.target.exists()
        assert caught.value.title.endswith(".")
        assert "\n" not in str(caught.value)
        return caught.value


@pytest.fixture
def downloads(tmp_path: Path, site: Site) -> Downloads:
    folder = tmp_path / "models"
    folder.mkdir()
    return Downloads(folder, site)


def sha256(content: bytes) -> tuple[tuple[str, str], ...]:
    return (("sha256", hashlib.sha256(content).hexdigest()),)


def md5(content: bytes) -> tuple[tuple[str, str], ...]:
    return (("md5", hashlib.md5(content, usedforsecurity=False).hexdigest()),)


@pytest.mark.parametrize("digest", [sha256, md5])
def test_a_download_is_checked_and_leaves_one_file(downloads: Downloads, model: bytes, digest: Any) -> None:
    done = downloads.run(web_server.whole(model), digests=digest(model), size_bytes=len(model))
    assert downloads.target.read_bytes() == model
    assert downloads.left == ["m.gguf"]
    assert done == Downloaded(
        path=downloads.target, size_bytes=len(model), sha256=sha256(model)[0][1], is_verified=True
    )
    assert downloads.seen[0] == ("downloading", 0, len(model))
    assert ("downloading", len(model), len(model)) in downloads.seen
    assert downloads.seen[-1] == ("checking", len(model), len(model))


def test_without_a_checksum_it_is_told_but_not_called_verified(downloads: Downloads, model: bytes) -> None:
    done = downloads.run(web_server.whole(model))
    assert (done.sha256, done.is_verified) == (sha256(model)[0][1], False)


def test_nothing_compressed_is_asked_for(downloads: Downloads, site: Site, model: bytes) -> None:
    downloads.run(web_server.whole(model))
    assert site.requests[0][1]["Accept-Encoding"] == "identity"
    downloads.target.unlink()
    refused = downloads.refused(web_server.whole(model, Content_Encoding="gzip"))
    assert "compressed" in refused.title


def test_a_download_that_breaks_off_goes_on_where_it_was(
    downloads: Downloads, site: Site, model: bytes
) -> None:
    downloads.run(web_server.breaking(model, after=100_000), web_server.whole(model))
    assert downloads.target.read_bytes() == model
    (_, first), (_, second) = site.requests
    assert "Range" not in first
    assert (second["Range"], second["If-Range"]) == ("bytes=100000-", '"one"')


def test_a_later_command_goes_on_from_what_an_earlier_one_left(
    downloads: Downloads, site: Site, model: bytes
) -> None:
    def nothing_more(request: Answer) -> None:
        request.hang_up()

    refused = downloads.refused(web_server.breaking(model, after=300_000), nothing_more)
    assert refused.title.startswith("The download broke off at 0.3 MB: ")
    assert "goes on from there" in refused.hint
    assert downloads.part.read_bytes() == model[:300_000]
    site.requests.clear()
    downloads.run(web_server.whole(model))
    assert downloads.target.read_bytes() == model
    assert [headers.get("Range") for _, headers in site.requests] == ["bytes=300000-"]


def test_any_number_of_breaks_is_survived_while_it_moves_on(downloads: Downloads, model: bytes) -> None:
    downloads.run(web_server.breaking(model, after=len(model) // 12))
    assert downloads.target.read_bytes() == model


def test_a_server_that_promises_more_than_it_has_is_given_up(
    downloads: Downloads, site: Site, model: bytes
) -> None:
    def lying(request: Answer) -> None:
        if request.range_start:
            request.start(416, length=0, Content_Range=f"bytes */{len(model) + 1000}")
            return
        request.start(200, length=len(model) + 1000, ETag='"one"')
        request.wfile.write(model)
        request.hang_up()

    refused = downloads.refused(lying)
    assert "broke off" in refused.title or "changes the file" in refused.title
    assert len(site.requests) <= 6


def test_a_server_that_sends_more_than_the_catalogue_says_is_refused(
    downloads: Downloads, model: bytes
) -> None:
    refused = downloads.refused(web_server.unmeasured(model + b"x" * 100_000), size_bytes=len(model))
    assert "more than the" in refused.title
    assert downloads.left == []


def test_a_size_other_than_the_catalogue_s_is_refused_before_anything_is_read(
    downloads: Downloads, model: bytes
) -> None:
    refused = downloads.refused(web_server.whole(model), size_bytes=10 * len(model))
    assert "but the catalogue says" in refused.title
    assert downloads.left == []


def test_a_short_file_without_a_length_is_refused(downloads: Downloads, model: bytes) -> None:
    refused = downloads.refused(web_server.unmeasured(model[:-10]), size_bytes=len(model))
    assert "bytes; the catalogue says" in refused.title
    assert downloads.left == []
    refused = downloads.refused(web_server.unmeasured(model[:-10]))
    assert "m.gguf is incomplete: 10 bytes missing" in refused.title
    assert downloads.left == []


def test_a_file_without_a_length_is_accepted_if_it_is_right(downloads: Downloads, model: bytes) -> None:
    downloads.run(web_server.unmeasured(model))
    assert downloads.target.read_bytes() == model
    assert downloads.seen[0] == ("downloading", 0, None)


def test_a_server_without_ranges_sends_everything_again(
    downloads: Downloads, site: Site, model: bytes
) -> None:
    downloads.run(web_server.breaking(model, after=200_000), web_server.without_ranges(model))
    assert downloads.target.read_bytes() == model
    assert len(site.requests) == 2


def test_content_that_changed_between_two_tries_is_fetched_anew(
    downloads: Downloads, model: bytes, other: bytes
) -> None:
    downloads.run(web_server.breaking(model, after=200_000), web_server.whole(other, etag='"two"'))
    assert downloads.target.read_bytes() == other


def test_a_range_of_changed_content_is_noticed_although_the_server_sends_it(
    downloads: Downloads, site: Site, model: bytes, other: bytes
) -> None:
    def regardless(request: Answer) -> None:
        start = request.range_start
        if not start:
            web_server.whole(other, etag='"two"')(request)
            return
        span = f"bytes {start}-{len(other) - 1}/{len(other)}"
        request.start(206, length=len(other) - start, ETag='"two"', Content_Range=span)
        request.wfile.write(other[start:])

    downloads.run(web_server.breaking(model, after=200_000), regardless)
    assert downloads.target.read_bytes() == other
    assert len(site.requests) == 3


@pytest.mark.parametrize("span", ["bytes 5-9/10", "bytes 0-99/100", "rubbish", ""])
def test_a_wrong_range_is_not_appended(downloads: Downloads, model: bytes, span: str) -> None:
    def wrong(request: Answer) -> None:
        if request.range_start:
            request.start(206, length=5, ETag='"one"', Content_Range=span)
            request.wfile.write(b"wrong")
        else:
            web_server.whole(model)(request)

    downloads.run(web_server.breaking(model, after=200_000), wrong)
    assert downloads.target.read_bytes() == model


def test_a_server_that_changes_the_file_at_every_try_is_given_up(
    downloads: Downloads, site: Site, model: bytes
) -> None:
    def ever_new(request: Answer) -> None:
        tag = f'"{len(site.requests)}"'
        web_server.breaking(model, after=1000, etag=tag)(request)

    refused = downloads.refused(ever_new)
    assert len(site.requests) < 20
    assert refused.title.endswith(".")


def test_a_finished_part_is_accepted_without_asking_for_more(
    downloads: Downloads, site: Site, model: bytes
) -> None:
    url = site.put("/m.gguf", web_server.whole(model))
    downloads.part.write_bytes(model)
    note = f'{{"url": "{url}", "validator": "\\"one\\"", "total": {len(model)}}}'
    (downloads.folder / "m.gguf.part.json").write_text(note)
    downloads.run(url=url)
    assert site.requests == []
    assert downloads.left == ["m.gguf"]


def test_a_part_at_the_end_of_the_file_is_accepted_on_status_416(
    downloads: Downloads, site: Site, model: bytes
) -> None:
    url = site.put("/m.gguf", web_server.whole(model))
    downloads.part.write_bytes(model)
    note = f'{{"url": "{url}", "validator": "\\"one\\"", "total": null}}'
    (downloads.folder / "m.gguf.part.json").write_text(note)
    downloads.run(url=url)
    assert downloads.target.read_bytes() == model
    assert len(site.requests) == 1


@pytest.mark.parametrize("note", ["", "{", "[]", '{"url": "http://elsewhere/", "validator": "", "total": 1}'])
def test_a_part_of_unknown_origin_is_not_continued(
    downloads: Downloads, site: Site, model: bytes, note: str
) -> None:
    downloads.part.write_bytes(b"GGUF of another file")
    (downloads.folder / "m.gguf.part.json").write_text(note)
    downloads.run(web_server.whole(model))
    assert downloads.target.read_bytes() == model
    assert "Range" not in site.requests[0][1]


@pytest.mark.parametrize("known", [True, False])
def test_without_a_validator_only_a_checksum_allows_to_go_on(
    downloads: Downloads, site: Site, model: bytes, known: bool
) -> None:
    downloads.run(
        web_server.breaking(model, after=200_000, etag=""),
        web_server.whole(model),
        digests=sha256(model) if known else (),
    )
    assert ("Range" in site.requests[1][1]) is known
    assert "If-Range" not in site.requests[1][1]
    assert downloads.target.read_bytes() == model


def test_a_weak_tag_is_no_validator(downloads: Downloads, site: Site, model: bytes) -> None:
    downloads.run(web_server.breaking(model, after=200_000, etag='W/"one"'), web_server.whole(model))
    assert "Range" not in site.requests[1][1]


def test_a_wrong_checksum_removes_what_was_fetched(downloads: Downloads, model: bytes, other: bytes) -> None:
    refused = downloads.refused(web_server.whole(model), digests=sha256(other))
    assert "its sha256 checksum is " + sha256(model)[0][1] in refused.title
    assert downloads.left == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html><body>Please log in</body></html>" * 100, "m.gguf is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"\0" * 10_000, "m.gguf is not a GGUF file"),
        (b"GG", "m.gguf is not a GGUF file"),
        (b"GGUF" + b"\xff" * 10_000, "m.gguf"),
        (b"", "m.gguf is empty"),
    ],
)
def test_rubbish_is_named_and_removed(downloads: Downloads, content: bytes, words: str) -> None:
    refused = downloads.refused(web_server.whole(content))
    assert words in refused.title
    assert ".part" not in refused.title
    assert downloads.left == []


def test_rubbish_is_noticed_by_its_first_bytes(downloads: Downloads, site: Site) -> None:
    """The rest of this page never comes, so waiting for it would take until the time-out."""
    page = web_server.silent(site, b"<html>an endless page", length=10**9)
    assert "web page" in downloads.refused(page, read_seconds=20.0).title


def test_an_architecture_that_gpt4all_does_not_know_is_refused(downloads: Downloads, tmp_path: Path) -> None:
    path = gguf_models.with_architecture(tmp_path / "x.gguf", "qwen3")
    refused = downloads.refused(web_server.whole(path.read_bytes()))
    assert "The architecture qwen3 of m.gguf is not supported" in refused.title
    assert downloads.left == []


def test_a_file_that_exists_is_never_replaced(downloads: Downloads, site: Site, model: bytes) -> None:
    downloads.target.write_bytes(b"mine")
    with pytest.raises(StateError, match="exists already"):
        downloads.run(web_server.whole(model))
    assert downloads.target.read_bytes() == b"mine"
    assert site.requests == []


def test_a_file_that_appears_meanwhile_is_never_replaced(downloads: Downloads, model: bytes) -> None:
    def create(request: Answer) -> None:
        downloads.target.write_bytes(b"mine")
        web_server.whole(model)(request)

    with pytest.raises(StateError, match="exists already"):
        downloads.run(create)
    assert downloads.target.read_bytes() == b"mine"


def test_the_same_file_is_not_downloaded_twice_at_once(downloads: Downloads, model: bytes) -> None:
    found: list[str] = []

    def second_command(request: Answer) -> None:
        with pytest.raises(StateError) as caught:
            downloads.make(url="http://127.0.0.1:1/m.gguf").run()
        found.append(caught.value.title)
        web_server.whole(model)(request)

    downloads.run(second_command)
    assert found == ["m.gguf is being downloaded already."]
    assert downloads.target.read_bytes() == model


def test_a_link_in_the_place_of_the_part_is_not_followed(
    downloads: Downloads, model: bytes, tmp_path: Path
) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    downloads.part.symlink_to(tmp_path / "precious")
    assert "cannot be written" in downloads.refused(web_server.whole(model)).title
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_too_little_space_is_said_before_anything_is_written(downloads: Downloads, model: bytes) -> None:
    free = RESERVE_BYTES + len(model) - 1
    refused = downloads.refused(web_server.whole(model), free_bytes=lambda folder: free)
    assert "is too full: 0.6 MB are still to come" in refused.title
    assert downloads.left == []


def test_space_that_runs_out_on_the_way_stops_it_and_keeps_the_part(
    downloads: Downloads, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler_core.llm.download._SPACE_CHECK_BYTES", 1000)
    free = iter([PLENTY, PLENTY])
    refused = downloads.refused(web_server.whole(model), free_bytes=lambda folder: next(free, 0))
    assert "is too full" in refused.title
    assert 0 < downloads.part.stat().st_size < len(model)
    monkeypatch.undo()
    downloads.run(web_server.whole(model))
    assert downloads.target.read_bytes() == model


def test_a_disk_that_is_full_is_a_sentence(
    downloads: Downloads, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(part: Part, block: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Part, "append", full)
    assert "No space left on device" in downloads.refused(web_server.whole(model)).title


def test_a_folder_that_is_missing_is_a_sentence(tmp_path: Path, site: Site, model: bytes) -> None:
    refused = Downloads(tmp_path / "nowhere", site).refused(web_server.whole(model))
    assert "cannot be written: No such file or directory" in refused.title


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (404, NotFoundError, "no such file"),
        (410, NotFoundError, "no such file"),
        (403, ModelError, "does not let us"),
    ],
)
def test_a_refusal_of_the_server_is_final(
    downloads: Downloads, site: Site, code: int, kind: type[SchedulerError], words: str
) -> None:
    refused = downloads.refused(web_server.status(code))
    assert isinstance(refused, kind)
    assert words in refused.title
    assert len(site.requests) == 1


def test_a_busy_server_is_asked_again(downloads: Downloads, model: bytes) -> None:
    downloads.run(web_server.status(503), web_server.status(429), web_server.whole(model))
    assert downloads.target.read_bytes() == model


def test_a_server_that_stays_busy_is_given_up(downloads: Downloads, site: Site) -> None:
    assert "is busy (status 503)" in downloads.refused(web_server.status(503)).title
    assert len(site.requests) == 3


def test_redirects_are_followed_and_keep_the_range(downloads: Downloads, site: Site, model: bytes) -> None:
    site.put("/real", web_server.breaking(model, after=50_000), web_server.whole(model))
    downloads.run(web_server.status(302, Location="/real"))
    assert downloads.target.read_bytes() == model
    assert [headers.get("Range") for _, headers in site.requests] == [None, None, *["bytes=50000-"] * 2]


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/m.gguf", "from one address to the next without end"),
        ("ftp://127.0.0.1/m.gguf", "not http or https"),
        ("file:///etc/passwd", "not http or https"),
    ],
)
def test_a_redirect_in_a_circle_or_elsewhere_ends_it(
    downloads: Downloads, site: Site, location: str, words: str
) -> None:
    assert words in downloads.refused(web_server.status(302, Location=location)).title
    assert len(site.requests) <= 11


def test_a_server_that_falls_silent_is_given_up_and_the_part_kept(
    downloads: Downloads, site: Site, model: bytes
) -> None:
    quiet = web_server.silent(site, model[:70_000], length=len(model))
    refused = downloads.refused(quiet, read_seconds=0.2, pauses=())
    assert "sent nothing for 0.2 seconds" in refused.title
    assert downloads.part.stat().st_size == 70_000


def test_a_slow_server_is_waited_for(downloads: Downloads, site: Site, model: bytes) -> None:
    def slow(request: Answer) -> None:
        request.start(200, length=len(model))
        for start in range(0, len(model), len(model) // 5):
            request.wfile.write(model[start : start + len(model) // 5])
            request.wfile.flush()
            site.released.wait(0.05)

    downloads.run(slow, read_seconds=5.0)
    assert downloads.target.read_bytes() == model


def test_nobody_at_the_address_is_said_at_once(downloads: Downloads) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://ada:hunter2@127.0.0.1:{reserved.getsockname()[1]}/m.gguf?key=hunter2"
        refused = downloads.refused(url=url, pauses=(60.0,))
    assert refused.title == "127.0.0.1 cannot be reached."
    assert "hunter2" not in str(refused)


def test_an_unknown_host_is_said_at_once(downloads: Downloads) -> None:
    refused = downloads.refused(url="http://nowhere.invalid/m.gguf", pauses=(60.0,))
    assert refused.title == "The host nowhere.invalid is not known."


def test_a_server_without_a_certificate_is_said_at_once(downloads: Downloads, site: Site) -> None:
    url = site.address.replace("http:", "https:") + "/m.gguf"
    assert "cannot be trusted" in downloads.refused(url=url, pauses=(60.0,)).title


def test_an_interrupt_leaves_a_part_to_go_on_from(downloads: Downloads, model: bytes) -> None:
    def interrupt(phase: str, done: int, total: int | None) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        downloads.run(web_server.whole(model), progress=interrupt)
    kept = downloads.part.stat().st_size
    assert kept > 100_000
    downloads.run(web_server.whole(model))
    assert downloads.target.read_bytes() == model


def test_the_part_s_lock_ends_with_its_use(tmp_path: Path) -> None:
    with open_part(tmp_path / "m.gguf"), pytest.raises(StateError), open_part(tmp_path / "m.gguf"):
        pass
    with open_part(tmp_path / "m.gguf"):
        pass
