"""Fetching a model by its name in the catalogue or by its address, for the screen and the command line alike.

It blocks. Where the file came from, and how far it is, is told by whoever calls.
"""

from dataclasses import replace

from scheduler_core.data_directory import data_dir, prepared_models_dir
from scheduler_core.llm.catalogue import Source, find_entry, source_of
from scheduler_core.llm.checksums import Checksums
from scheduler_core.llm.download import Download, Downloaded, Progress, fetch_catalogue
from scheduler_core.settings import Settings


def source_named(settings: Settings, wanted: str, *, file_name: str = "", sha256: str = "") -> Source:
    """What is meant by a name or an address; asks the catalogue for a name.

    Args:
        file_name, sha256: in place of what the catalogue says; needed for some addresses.

    Raises:
        SchedulerError: nothing is meant, in one sentence.
    """
    if "://" in wanted:
        return source_of(wanted, file_name=file_name, sha256=sha256)
    source = find_entry(fetch_catalogue(settings.model_catalogue_url), wanted).source
    if not file_name and not sha256:
        return source
    own = source_of(source.url, file_name=file_name or source.file_name, sha256=sha256)
    return replace(source, file_name=own.file_name, digests=own.digests or source.digests)


def fetched(settings: Settings, source: Source, *, progress: Progress) -> Downloaded:
    """Downloads into the folder of models, going on where an earlier download stopped.

    Raises:
        SchedulerError: in one sentence; what was fetched is kept.
    """
    done = Download(source, prepared_models_dir(settings), progress=progress).run()
    # Its first use then does not read it all once more.
    Checksums(data_dir(settings) / "state").remember(done.path, f"sha256:{done.sha256}")
    return done
