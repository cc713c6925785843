"""The types are right. A test, so that another process of pytest works meanwhile: without mypy's cache it takes half a minute."""

import subprocess
import sys

from tests.toys import ROOT


def test_mypy_finds_nothing():
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
