"""The graph of a study's stages and of those of its runs, as DVC makes it.

graph_of(study) -- stages; an edge leads from each to what it depends on
"""

from pathlib import Path
from unittest.mock import patch

from dvc.dvcfile import ProjectFile
from dvc.repo import Repo
from networkx import DiGraph

from tests.contracts.small_pipeline import yaml_read_once


def graph_of(study: Path) -> DiGraph:
    """The stages of all dvc.yaml below a folder; what has run, which thousands of lines in dvc.lock say, decides none of it."""
    without_locks = patch.object(ProjectFile, "lockfile_contents", {})
    with without_locks, yaml_read_once(), Repo(study) as repo:
        return repo.index.graph
