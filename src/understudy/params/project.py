"""params.yaml of a project of any kind.

load_project(path) -- LogProject where the file has a section `logs:`, WordProject where it has `words:`, TaskProject where it has
                      `tasks:`, else Params
"""

from pathlib import Path

from understudy.params.load import read_yaml, validated
from understudy.params.log_project import LogProject
from understudy.params.task_project import TaskProject
from understudy.params.whole import Params
from understudy.params.word_project import WordProject


def load_project(path: Path) -> Params | LogProject | WordProject | TaskProject:
    """Read and validate a params.yaml.

    Raises:
        ParameterError: as `load_params`.
    """
    content = read_yaml(path)
    if "logs" in content:
        return validated(path, content, LogProject)
    if "words" in content:
        return validated(path, content, WordProject)
    if "tasks" in content:
        return validated(path, content, TaskProject)
    return validated(path, content, Params)
