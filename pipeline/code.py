"""Stage code: the modules and libraries that each other stage runs, of a study's own programs too. Writes data/code, and says
whose code has changed.

It runs first, whatever changes in params.yaml, and so checks the whole of it. With --table it prints which modules make which
stages stale, and writes nothing.
"""

import shutil
import sys
from pathlib import Path

from understudy.code.changes import describe_changes, format_table
from understudy.code.custom import add_custom
from understudy.code.stages import describe_own, describe_stages, read_stages, write_stages
from understudy.params.log_project import LogProject
from understudy.params.project import load_project
from understudy.params.task_project import TaskProject
from understudy.params.whole import Params, load_params
from understudy.params.word_project import WordProject
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder

ROOT, TARGET = Path(__file__).resolve().parents[1], Path("data/code")


def work() -> None:
    params = load_project(Path("params.yaml"))
    remove_bytecode()
    before = read_stages(TARGET)
    families = {name: policy.family for name, policy in params.policies.items()}
    described = describe_stages(ROOT, families)
    if Path.cwd() != ROOT:  # where people may keep what they like
        described |= describe_own(ROOT, Path(), families)
    if params.policies.of_data:  # so that another start or another number of demonstrations reruns select_columns
        described["select_columns"]["of_data"] = params.policies.of_data
    after = described
    for each in with_custom(params):
        after = add_custom(after, ROOT / "custom", each)
    with replace_folder(TARGET) as folder:
        write_stages(folder, after)
    print("\n".join(describe_changes(before, after)))


def with_custom(params: Params | LogProject | WordProject | TaskProject) -> list[Params | WordProject]:
    """The projects whose params.yaml may name what lies in custom/: of several tasks those of their folders."""
    if isinstance(params, LogProject):
        return []
    if isinstance(params, TaskProject):
        return [load_params(Path(name) / "params.yaml") for name in params.tasks.names]
    return [params]


def remove_bytecode() -> None:
    """Delete what Python has compiled. A study's .dvcignore does not reach so far, and DVC would see other code each time."""
    for name in ("custom", "pipeline", "src"):
        for folder in (ROOT / name).rglob("__pycache__"):
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--table"]:
        print(format_table(ROOT))
    else:
        run_stage(work, __doc__)
