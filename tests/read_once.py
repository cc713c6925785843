"""Descriptions of code for which no file is read as Python a second time.

files_read_once() -- within it, files with the same content are read once in this process
KNOWN             -- what is known of files and texts, by function and content
"""

from contextlib import contextmanager
from functools import cache, wraps
from unittest.mock import patch

from understudy.code import closure, stages

KNOWN = {}


@contextmanager
def files_read_once():
    """Within it, files with the same content are read as Python once in this process."""
    with (
        patch.object(closure, "parse", by_content(closure.parse)),
        patch.object(stages, "parse", by_content(stages.parse)),
        patch.object(stages, "fingerprint", by_content(stages.fingerprint)),
        patch.object(closure.SourceTree, "module_file", cache(closure.SourceTree.module_file)),  # no file comes or goes
    ):
        yield


def by_content(function):
    """A function of a file that is called once for each content of one."""

    @wraps(function)
    def call(file):
        key = function.__name__, file.read_bytes()
        if key not in KNOWN:
            KNOWN[key] = function(file)
        return KNOWN[key]

    return call
