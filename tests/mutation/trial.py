"""Tests run in a forked process on a copy of the project in which one module holds a mistake.

What the tests import of other projects is imported once, before the fork: a trial begins where the tests do, not seconds before.

Baseline              -- how the tests of a module run while it is right
Copy                  -- a copy of the project; begin(...) starts a trial on it, and ended(...) says how it went
"""

import hashlib
import importlib
import json
import math
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutation.operators import Mutant

ROOT = Path(__file__).parents[2]
MEMORY = 8 * 2**30  # a mistaken loop may fill it; an endless one runs into the limit of time
WAITING = 10  # a trial that computes nothing is given up after so many times the limit
SURVIVED = None


@dataclass(frozen=True)
class Baseline:
    """The tests of a module while it is right: seconds of computing in all and of each, and a hash of every file they loaded."""

    seconds: float
    durations: dict[str, float]
    fingerprint: str

    @property
    def limit(self) -> float:
        """Seconds of computing after which a trial has run into an endless loop; a machine that is busy or asleep takes none."""
        return 10.0 + 5.0 * self.seconds


class Copy:
    """A copy of the project in a folder of its own, for one trial at a time."""

    def __init__(self, root: Path, parts: list[str], bytecode: bool = False) -> None:
        """Copy `parts` of the folder `root`, compiled code too where it is known to belong to them."""
        self.folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        ignored = None if bytecode else shutil.ignore_patterns("__pycache__")
        for part in parts:
            if (root / part).is_dir():
                shutil.copytree(root / part, self.folder / part, ignore=ignored)
            else:
                shutil.copy2(root / part, self.folder / part)
        self.restore = lambda: None

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder)

    def baseline(self, module: str, tests: list[str]) -> Baseline:
        """Run a module's tests as they are, and import here what they import of other projects.

        Raises:
            RuntimeError: a test fails, or the tests never import the module.
        """
        self._fork(tests, {}, write_bytecode=True)
        _, status, used = os.wait4(self.process, 0)
        report = self._report()
        if os.waitstatus_to_exitcode(status) != 0:
            raise RuntimeError(f"{module}: expected its tests to pass as it is, got a failure of {report['failed']}")
        if module not in report["files"]:
            raise RuntimeError(f"{module}: expected its tests to import it, got none that does")
        for name in report["modules"]:
            _import_quietly(name)
        digest = hashlib.sha256()
        for name in sorted({*report["files"], *tests}):
            digest.update(name.encode() + (self.folder / name).read_bytes())
        return Baseline(used.ru_utime + used.ru_stime, report["durations"], digest.hexdigest())

    def begin(self, mutant: Mutant, tests: list[str], baseline: Baseline) -> None:
        """Make the mistake and start the tests, the quickest first."""
        path = self.folder / mutant.module
        source, times = path.read_bytes(), path.stat()

        def restore() -> None:
            path.write_bytes(source)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

        path.write_bytes(mutant.apply(source))
        os.utime(
            path, ns=(times.st_atime_ns, times.st_mtime_ns + 10**9)
        )  # or compiled code of the original would be used
        self.restore, self.patience, self.asked = restore, WAITING * baseline.limit, time.monotonic()
        self._fork(tests, baseline.durations, write_bytecode=False, limit=baseline.limit)

    def ended(self) -> tuple[bool, str | None]:
        """Whether the trial is over, and what found the mistake: a test, an error, the limit of time; None where nothing did."""
        process, status = os.waitpid(self.process, os.WNOHANG)
        now = time.monotonic()
        self.patience -= min(now - self.asked, 1.0)  # while all stood still, nothing was waited for
        self.asked = now
        late = process == 0 and self.patience < 0
        if process == 0 and not late:
            return False, None
        _kill_group(self.process)
        if late:
            os.waitpid(self.process, 0)
        self.restore()
        code = None if late else os.waitstatus_to_exitcode(status)
        if late:
            return True, "time limit"
        if code == 0:
            return True, SURVIVED
        if code == -signal.SIGXCPU:
            return True, "time limit"
        if code in (1, 2):
            return True, self._report()["failed"] or "an error at import"
        return True, f"exit status {code}"

    def _report(self) -> dict:
        path = self.folder / "report.json"
        return json.loads(path.read_text()) if path.exists() else {"failed": None}

    def _fork(
        self, tests: list[str], durations: dict[str, float], write_bytecode: bool, limit: float | None = None
    ) -> None:
        (self.folder / "report.json").unlink(missing_ok=True)
        sys.stdout.flush()
        self.process = os.fork()
        if self.process == 0:
            code = 70
            try:
                os.setsid()
                if limit is not None:
                    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit), math.ceil(limit) + 1))
                code = _run_tests(self.folder, tests, durations, write_bytecode)
            finally:
                os._exit(code)


def _run_tests(folder: Path, tests: list[str], durations: dict[str, float], write_bytecode: bool) -> int:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    os.chdir(folder)
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(quiet, descriptor)
    for name in [name for name in sys.modules if name.split(".")[0] in ("understudy", "tests")]:
        del sys.modules[name]
    own = {"", str(ROOT), str(ROOT / "src")}
    sys.path[:] = [str(folder / "src"), str(folder), *(each for each in sys.path if each not in own)]
    sys.dont_write_bytecode = not write_bytecode
    os.environ |= {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)}
    if not write_bytecode:
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    tempfile.tempdir = None  # so that TMPDIR is read anew
    notes = _Notes(durations)
    code = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *tests], plugins=[notes])
    loaded = [(name, getattr(module, "__file__", None)) for name, module in list(sys.modules.items())]
    report = {
        "failed": notes.failed,
        "durations": notes.durations,
        "files": [os.path.relpath(file, folder) for _, file in loaded if file and file.startswith(f"{folder}/")],
        "modules": [name for name, file in loaded if file and not file.startswith(f"{folder}/")],
    }
    (folder / "report.json").write_text(json.dumps(report))
    return int(code)


class _Notes:
    """Pytest plugin: runs quick tests first, and notes what each took and which one failed."""

    def __init__(self, durations: dict[str, float]) -> None:
        self.order, self.durations, self.failed = durations, {}, None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.order.get(item.nodeid, 0.0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.durations[report.nodeid] = self.durations.get(report.nodeid, 0.0) + report.duration
        if report.failed and self.failed is None:
            self.failed = report.nodeid


def _import_quietly(name: str) -> None:
    if name not in sys.modules and not name.startswith(("__", "_pytest", "test_")):
        try:
            importlib.import_module(name)
        except Exception:
            return  # such a module is imported again in each trial


def _kill_group(process: int) -> None:
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:
        return
