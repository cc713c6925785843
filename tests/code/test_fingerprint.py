"""What a hash of code is and is not moved by, and that every Python at hand computes the same."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.imports import ROOT, SOURCE
from understudy.code.fingerprint import essence, fingerprint

CODE = '''import os


class Kept(Exception):
    """A docstring
    of two lines."""

    text = """not a docstring

      # nor a comment   """

    def method(self, first=1):
        "A docstring of one line"; first += 1  # a comment
        "no docstring"
        # a comment of its own
        return f"{first!r:>{10}} # no comment" + 'ä # "' "b"  # ä


async def silent():
    """Nothing but this."""
'''
ESSENCE = '''import os
class Kept(Exception):
    text = """not a docstring

      # nor a comment   """
    def method(self, first=1):
        ; first += 1
        "no docstring"
        return f"{first!r:>{10}} # no comment" + 'ä # "' "b"
async def silent():'''
SAME = [
    ("import os\n", "# first\nimport os  # why\n\n\n"),
    ("def f():\n    return 1\n", 'def f():\n    """Say it."""\n\n    return 1\n'),
    ("def f():\n    return 1\n", "def f():\n  # another indentation\n    return 1   \n"),
    ('"""One."""\nx = 1\n', '"""Another,\n\n# and longer."""\nx = 1'),
    ("x = 1\n", "\ufeffx = 1\r\n\r\n"),
    ('def ä(): """é"""; return 1\n', 'def ä(): "ö";  return 1\n'.replace(";  ", "; ")),
    ('def f():\n    ("a"  # one\n     "b")\n    return 1', 'def f():\n    ("c")\n    return 1'),
    ("x = ('a'\n     'b')", "x = ('a'  # one\n\n     # two\n     'b')"),
]
OTHER = [
    ("x = 1\n", "x = 2\n"),
    ('x = "# a"\n', 'x = "# b"\n'),
    ('x = """a\n\nb"""\n', 'x = """a\nb"""\n'),
    ('x = """a  \nb"""\n', 'x = """a\nb"""\n'),
    ('x = f"""{1}\n\n{2}"""\n', 'x = f"""{1}\n{2}"""\n'),
    ("def f():\n    a()\n    b()\n", "def f():\n    a()\nb()\n"),
    ('x = 1\n"""No docstring."""\n', "x = 1\n"),
]
OTHER_PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")
PROGRAM = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from understudy.code.fingerprint import fingerprint
print(json.dumps({file: fingerprint(Path(file)) for file in sys.stdin.read().split()}))
"""


def test_comments_docstrings_and_blank_lines_are_cut_out_and_nothing_else():
    assert essence(CODE) == ESSENCE


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_runs_the_same_has_the_same_hash(tmp_path, one, other):
    assert hash_of(tmp_path, one) == hash_of(tmp_path, other) != ""


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_what_runs_otherwise_has_another_hash(tmp_path, one, other):
    assert hash_of(tmp_path, one) != hash_of(tmp_path, other)


def test_a_file_without_code_has_none(tmp_path):
    assert hash_of(tmp_path, '"""A package."""\n# empty\n') == ""


def hash_of(folder, text):
    file = folder / "module.py"
    file.write_bytes(text.encode())
    return fingerprint(file)


@pytest.mark.parametrize("python", OTHER_PYTHONS)
def test_another_python_computes_the_same_hashes(tmp_path, python):
    """Of all modules and programs, and of a file with every kind of token that versions cut differently."""
    found = shutil.which(python)
    if found is None or subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{python} is not at hand")
    (tmp_path / "tokens.py").write_text(CODE + "".join(text for pair in OTHER for text in pair[:1]), encoding="utf-8")
    files = [*SOURCE.rglob("*.py"), *(ROOT / "pipeline").glob("*.py"), tmp_path / "tokens.py"]
    variables = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [found, "-c", PROGRAM, SOURCE], input="\n".join(map(str, files)), env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {str(file): fingerprint(file) for file in files}
    assert found != sys.executable
