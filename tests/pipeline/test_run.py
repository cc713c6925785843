"""The launcher: what a stage's program finds when it begins, and what is refused."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.builders import imported
from tests.imports import ROOT

PROGRAM = """
import json, os, sys
import code
import understudy.words
print(json.dumps({
    "name": __name__, "main": sys.modules["__main__"].__file__, "argv": sys.argv, "code": code.__file__,
    "words": understudy.words.__file__, "pins": {name: os.environ.get(name) for name in json.loads(os.environ["WATCHED"])},
}))
raise SystemExit(7)
"""
PINS = imported(ROOT / "pipeline/run.py").PINS


@pytest.fixture
def project(tmp_path):
    """The launcher in a project of its own, with a stage that says what it found."""
    for name in ("pipeline", "src/understudy", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(ROOT / "pipeline/run.py", tmp_path / "pipeline")
    (tmp_path / "pipeline/say.py").write_text(PROGRAM)
    (tmp_path / "pipeline/code.py").write_text("raise RuntimeError('this is not the code of the standard library')")
    (tmp_path / "src/understudy/__init__.py").touch()
    (tmp_path / "src/understudy/words.py").touch()
    return tmp_path


def start(project, *arguments):
    """Run the launcher from another folder, with other kernels chosen and the real project's code in sight."""
    chosen = {name: "other" for name in PINS} | {"WATCHED": json.dumps(list(PINS)), "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "../pipeline/run.py", *arguments]
    return subprocess.run(
        command, cwd=project / "elsewhere", env=os.environ | chosen, capture_output=True, text=True, check=False
    )


def test_a_stage_is_the_main_program_with_its_own_arguments_code_and_kernels(project):
    done = start(project, "say", "--policy", "mlp")
    assert done.returncode == 7, done.stderr
    said = json.loads(done.stdout)
    program = str(project / "pipeline/say.py")
    assert (said["name"], said["main"], said["argv"]) == ("__main__", program, [program, "--policy", "mlp"])
    assert said["words"] == str(project / "src/understudy/words.py")
    assert said["pins"] == PINS
    assert not said["code"].startswith(str(project))


def test_a_studys_own_program_is_started_the_same_way(project):
    (project / "pipeline/say.py").rename(project / "elsewhere/say.py")
    done = start(project, "say.py")
    assert done.returncode == 7, done.stderr
    said = json.loads(done.stdout)
    assert (said["main"], said["pins"]) == (str(project / "elsewhere/say.py"), PINS)
    assert said["words"] == str(project / "src/understudy/words.py")


@pytest.mark.parametrize(
    ("arguments", "got"), [((), "none"), (("train",), "train"), (("run",), "run"), (("say.py",), "say.py")]
)
def test_what_is_no_stage_is_refused(project, arguments, got):
    done = start(project, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"run: expected one of code, say, or a file of Python, got {got}\n"


def test_nothing_numerical_is_loaded_before_the_kernels_are_pinned():
    command = [sys.executable, "-X", "importtime", "pipeline/run.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    loaded = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "runpy" in loaded
    assert not loaded & {"numpy", "torch", "scipy", "understudy"}
