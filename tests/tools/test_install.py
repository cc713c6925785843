"""Who installs, and where from: uv as pip is told, pip where uv cannot. No test installs anything: commands are recorded."""

import subprocess
import sys

import pytest

from tests.builders import imported
from tests.toys import ROOT

CPU_PLAN = "Would install 2 packages\n + numpy==2.4.6\n + torch==2.13.0+cpu\n"
CUDA_PLAN = "Would install 3 packages\n + numpy==2.4.6\n + nvidia-cublas==13.1.1.3\n + torch==2.13.0\n"
INSTALL = ["uv", "pip", "install"]


@pytest.fixture
def install():
    return imported(ROOT / "tools/install.py")


@pytest.fixture
def commands(install, monkeypatch):
    """Stands in for every command of uv's way; `answer` may be replaced."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    ran = []

    def run(*command, environment=None):
        ran.append(list(command))
        return ran.answer(list(command))

    ran = Recorded()
    monkeypatch.setattr(install, "run", run)
    return ran


class Recorded(list):
    """Commands, and what they print."""

    def answer(self, command):
        return CPU_PLAN if "--dry-run" in command else ""

    def of_uv(self):
        """The options that each installation by uv had beyond the place."""
        return [command[7:] for command in self if command[2:5] == INSTALL and "--dry-run" not in command]


def test_uv_looks_where_pip_is_told_to_look(install):
    config = (
        ":env:.find-links='/some/wheels /other'\n"
        "global.extra-index-url='\\nfile:///one/simple\\nfile:///two/simple'\n"
        "global.find-links='/elsewhere'\n"
        "global.timeout='60'\n"
        "install.index-url='file:///main/simple'\n"
    )
    assert install.uv_environment(config, {"HOME": "/home"}) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_FIND_LINKS": "/some/wheels,/other",
        "UV_INDEX": "file:///one/simple file:///two/simple",
        "UV_DEFAULT_INDEX": "file:///main/simple",
        "HOME": "/home",
    }


def test_what_uv_has_been_told_itself_stays(install):
    assert install.uv_environment("global.find-links='/a'\n", {"UV_FIND_LINKS": "/b"})["UV_FIND_LINKS"] == "/b"


def test_pip_prints_what_is_read_of_it(install):
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, env={"PIP_FIND_LINKS": "/a b"}
    )
    assert install.uv_environment(listed.stdout, {})["UV_FIND_LINKS"] == "/a,b"


def test_torch_at_hand_is_taken_as_it_is(install, commands):
    install.by_uv("cpu")
    assert commands.of_uv() == [["--quiet", *install.LOCK], ["--quiet", *install.PROJECT]]


def test_where_only_cudas_torch_is_found_uv_looks_for_the_cpus(install, commands):
    commands.answer = lambda command: CUDA_PLAN if "--dry-run" in command and "cpu" not in command else ""
    install.by_uv("cpu")
    assert commands.of_uv()[0] == ["--quiet", "--torch-backend", "cpu", *install.LOCK]


def test_cudas_torch_comes_with_a_word_where_no_other_is_found(install, commands, capsys):
    def answer(command):
        if "--torch-backend" in command:
            raise install.InstallError("error: no route")
        return CUDA_PLAN if "--dry-run" in command else ""

    commands.answer = answer
    install.by_uv("cpu")
    assert commands.of_uv()[0] == ["--quiet", *install.LOCK]
    assert "its build for CUDA comes, gigabytes" in capsys.readouterr().err


def test_a_backend_that_is_asked_for_is_taken_without_a_look(install, commands):
    install.by_uv("auto")
    assert commands.of_uv()[0] == ["--quiet", "--torch-backend", "auto", *install.LOCK]
    assert [command for command in commands if "--dry-run" in command] == []


def test_what_is_imported_is_compiled_since_stages_write_no_bytecode(install, commands):
    install.by_uv("cpu")
    assert {command[-1] for command in commands[-2:]} == set(install.IMPORTED)
    assert all(command[1] == "-c" for command in commands[-2:])


def test_compiling_writes_bytecode_where_python_is_told_not_to(install, tmp_path, monkeypatch):
    (tmp_path / "to_be_compiled.py").write_text("")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(install, "IMPORTED", ("import to_be_compiled",))
    install.compile_imported()
    assert list(tmp_path.glob("__pycache__/to_be_compiled.*.pyc"))


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_pip_installs_where_uv_fails_or_where_it_is_asked_to(install, monkeypatch, capsys, installer):
    def fail(backend):
        raise install.InstallError("error: no uv for this machine")

    calls = []
    monkeypatch.setattr(install, "by_uv", fail)
    monkeypatch.setattr(install.subprocess, "run", lambda command, **_: calls.append(command))
    monkeypatch.setattr(sys, "argv", ["install.py", "--installer", installer])
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    install.main()
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    assert calls == [[*pip, *install.LOCK], [*pip, *install.PROJECT]]
    said = "install: uv could not do it (error: no uv for this machine), so pip does, in a minute or two\n"
    assert capsys.readouterr().err == (said if installer == "uv" else "")


def test_a_failure_is_told_by_the_line_that_names_the_error(install):
    program = "import sys; sys.exit('one\\nerror: no such package\\nhint: look')"
    with pytest.raises(install.InstallError, match=r"^error: no such package$"):
        install.run(sys.executable, "-c", program)
    with pytest.raises(install.InstallError, match=r"^/nowhere/python: No such file or directory$"):
        install.run("/nowhere/python")


def test_what_builds_the_project_is_pinned():
    names = [line.partition("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines()]
    assert "setuptools" in names
    assert names == sorted(names, key=str.lower)
