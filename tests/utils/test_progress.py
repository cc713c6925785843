"""Progress bars: what a log gets of them, and what a terminal."""

import io
import threading
from contextlib import redirect_stderr

import pytest
from tqdm import tqdm

from understudy.utils.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


STREAMS = pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["log", "terminal"])


def told(stream: io.StringIO, total: int, **options) -> str:
    """What a bar writes that is moved to its end."""
    with redirect_stderr(stream), progress_bar(total, "demonstrations", "episode", **options) as bar:
        bar.update(total)
    return stream.getvalue()


@STREAMS
def test_a_bar_tells_what_how_many_and_of_what(stream):
    last = told(stream(), 3).replace("\r", "\n").strip().splitlines()[-1]
    assert last.startswith("demonstrations: 100%")
    assert " 3/3 " in last
    assert "episode/s" in last


@STREAMS
def test_a_bar_that_is_not_shown_says_nothing(stream):
    assert told(stream(), 3, shown=False) == ""


@pytest.mark.parametrize(("total", "part"), [(9_999, " 9999/9999 "), (10_000, " 10.0k/10.0k ")])
def test_large_numbers_are_shortened(total, part):
    assert part in told(io.StringIO(), total)


@pytest.mark.parametrize(("stream", "seconds"), [(io.StringIO, 10.0), (Terminal, 0.1)], ids=["log", "terminal"])
def test_a_terminal_is_told_often_and_a_log_now_and_then(stream, seconds):
    with redirect_stderr(stream()), progress_bar(3, "demonstrations", "episode") as bar:
        assert bar.mininterval == seconds


def test_no_thread_watches(monkeypatch):
    """A thread that holds a lock while a process is forked would leave it locked there for ever."""
    monkeypatch.setattr(tqdm, "monitor_interval", 10)
    monkeypatch.setattr(tqdm, "monitor", None)
    before = threading.active_count()
    with redirect_stderr(io.StringIO()), progress_bar(3, "demonstrations", "episode"):
        assert threading.active_count() == before


def test_a_log_has_whole_lines_and_no_returns_of_the_carriage():
    log = told(io.StringIO(), 3)
    assert "\r" not in log
    assert log.endswith("\n") and "\n\n" not in log
    assert all(len(line) <= 100 for line in log.splitlines())


def test_a_terminal_is_drawn_over():
    assert "\r" in told(Terminal(), 3)
