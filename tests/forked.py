"""Programs in processes of their own that are forks of this one: to import what they need takes longer than their small work.

Forked                   -- one that runs
start(work)              -- start a call
start_stage(folder, ..)  -- start a stage's program
printed_in_fork(work)    -- what a call prints
"""

import os
import runpy
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.imports import ROOT

SECONDS = 120  # after so many it is ended


@dataclass
class Forked:
    """A process, and the ends of the pipes that it prints into."""

    process: int
    pipes: Sequence[int]

    def kill(self) -> None:
        """Send SIGKILL."""
        os.kill(self.process, signal.SIGKILL)

    def wait(self) -> tuple[int, str, str]:
        """Exit code, and what it has printed."""
        with ThreadPoolExecutor(len(self.pipes)) as readers:
            printed = readers.map(_read_all, self.pipes)
        code = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        return (code, *(text.decode() for text in printed))


def start(work: Callable[[], object], seconds: int = SECONDS) -> Forked:
    """Start a call in a process of its own, which ends with it as a program would, or after so many seconds."""
    pipes = [os.pipe() for _ in range(2)]  # no files, whose sizes a test may limit
    process = os.fork()
    if process == 0:
        for (_, end), number in zip(pipes, (1, 2), strict=True):
            os.dup2(end, number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        code: object = 1
        try:
            signal.alarm(seconds)
            work()
            code = 0
        except SystemExit as ended:
            code = ended.code
        except BaseException:
            traceback.print_exc()
        finally:
            if isinstance(code, str):
                print(code, file=sys.stderr)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code if isinstance(code, int) else int(code is not None))
    for _, end in pipes:
        os.close(end)
    return Forked(process, [begin for begin, _ in pipes])


def start_stage(folder: Path, command: Sequence[str], prepare: Callable[[], object] = lambda: None) -> Forked:
    """Start `python pipeline/STAGE.py ARGUMENTS` in a folder, after `prepare` has been called in its process.

    What the program imports is imported here, once for all of its forks.
    """
    stage, *arguments = command
    program = str(ROOT / "pipeline" / f"{stage}.py")
    runpy.run_path(program)
    import_module("torch._dynamo")  # as the first optimizer does

    def work() -> None:
        os.chdir(folder)
        sys.argv = [program, *arguments]
        prepare()
        runpy.run_path(program, run_name="__main__")

    return start(work)


def printed_in_fork(work: Callable[[], object]) -> str:
    """What a call prints in a process of its own, where it must end well."""
    code, printed, said = start(work).wait()
    assert code == 0, said
    return printed


def _read_all(end: int) -> bytes:
    with os.fdopen(end, "rb") as pipe:
        return pipe.read()
