"""Logs of many files become one folder of Parquet.

import_logs(paths, format, target, skip_bad) -- Summary

Runs come in the order of the files' names and of their places in them, whatever the order of the paths, so that the same logs
give the same bytes. Of runs that say the same in all, names and outcomes included, the first counts.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from understudy.errors import DataError, ParameterError
from understudy.logs.access import printable
from understudy.logs.detect import GATHERING, READERS, detect
from understudy.logs.parquet import LogWriter, is_folder_of_logs
from understudy.logs.records import LogFile, Record, find_files, read_records
from understudy.logs.run import Run
from understudy.logs.summary import Summary
from understudy.utils.atomic import replace_folder
from understudy.utils.progress import progress_bar

AUTO = "auto"
FORMATS = (AUTO, *READERS)
ALL_RECORDS = "all records"  # the place of a run that lies over many
TOO_DEEP = "expected a run, got one nested too deeply"
LISTS = ("openai_chat", *GATHERING)  # formats of which a list may be one record


def import_logs(paths: Sequence[Path], format: str, target: Path, skip_bad: bool, shown: bool = True) -> Summary:
    """Import logs into the folder `target`, which is whole at the end or as it was before.

    Args:
        paths: files, and folders of them.
        format: one of FORMATS; auto tells it by the first record of each file.
        skip_bad: count bad records, and leave them out.
        shown: show a progress bar.

    Raises:
        ParameterError: a path does not exist, or `target` holds something else than imported logs.
        DataError: a record is bad, or there is no run at all; the message names the file and the place in it.
    """
    if target.exists() and not is_folder_of_logs(target):
        raise ParameterError(f"{target}: expected a new folder, or one of imported logs to replace, got something else")
    files, summary = find_files(paths, target), Summary()
    total = sum(file.path.stat().st_size for file in files)
    with (
        replace_folder(target) as folder,
        LogWriter(folder) as writer,
        progress_bar(total, "import", "B", shown=shown) as bar,
    ):
        digests: set[str] = set()
        for file in files:
            end = bar.n + file.path.stat().st_size
            for run, digest, place in _Reading(file, format, summary, skip_bad).runs(bar.update):
                if digest in digests:
                    summary.duplicates += 1
                    continue
                digests.add(digest)
                summary.add(run)
                writer.write(run, digest, file.source, place)
            bar.update(end - bar.n)
            summary.files += 1
        if not summary.runs:
            reason = f", but {summary.num_skipped} bad records: {summary.skipped[0]}" if summary.skipped else ""
            raise DataError(f"{', '.join(map(str, paths))}: expected at least one run, got none{reason}")
    return summary


class _Reading:
    """One file's runs; what is bad is raised, or counted."""

    def __init__(self, file: LogFile, format: str, summary: Summary, skip_bad: bool) -> None:
        self.file, self.summary, self.skip_bad = file, summary, skip_bad
        self.format = None if format == AUTO else format
        self.places: list[str] | None = None  # of the records that were gathered into one

    def runs(self, progress: Callable[[int], object]) -> Iterator[tuple[Run, str, str]]:
        """Each run with the digest of its content and its place in the file."""
        records = read_records(self.file.path, self.refuse, progress)
        for record in self._gathered(records):
            for run in self._runs_of(record):
                digest = self._digest(run, record.place)
                if digest is not None and isinstance(run, Run):
                    yield run, digest, record.place

    def _runs_of(self, record: Record) -> Iterator[Run | DataError]:
        """Of a record its runs and the errors of bad ones; where it is bad as a whole, that error is the last."""
        try:
            yield from self._read(record.content)
        except DataError as error:
            yield error
        except RecursionError:
            yield DataError(TOO_DEEP)

    def _digest(self, run: Run | DataError, place: str) -> str | None:
        """Of a good run; None where it is bad."""
        gathered = self.places is not None  # then errors say by themselves where
        if isinstance(run, DataError):
            self.refuse(str(run) if gathered else f"{place}: {run}")
            return None
        try:
            return run.digest()
        except RecursionError:
            problem = TOO_DEEP
        except UnicodeEncodeError:
            problem = "expected text of valid Unicode, got half of a surrogate pair"
        self.refuse(f"run {run.name}: {problem}" if gathered else f"{place}: {problem}")
        return None

    def refuse(self, problem: str) -> None:
        """Raise a DataError that names the file, or count it."""
        sentence = printable(f"{self.file.path}, {problem}")
        if not self.skip_bad:
            raise DataError(sentence)
        self.summary.skip(sentence)

    def _read(self, content: Any) -> Iterator[Run | DataError]:
        if not isinstance(content, (dict, list) if self.format in LISTS else dict):
            raise DataError(f"expected an object, got {type(content).__name__}")
        reader = READERS[self.format or detect(content)]
        runs: Iterator[Run | DataError] = (
            reader.read(content) if self.places is None else reader.read(content, self.places)
        )
        return runs

    def _gathered(self, records: Iterator[Record]) -> Iterator[Record]:
        """The records from the first whose format is known; where runs lie over many of them, one record of them all."""
        for record in records:
            try:
                self.format = self.format or detect(record.content)
            except DataError as error:
                self.refuse(f"{record.place}: {error}")
                continue
            following = itertools.chain([record], records)
            if self.format not in GATHERING:
                yield from following
            else:
                gathered = list(following)
                self.places = [each.place for each in gathered]
                yield Record([each.content for each in gathered], ALL_RECORDS)
