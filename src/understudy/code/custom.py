"""Which stages run what lies in custom/, the user's own.

add_custom(described, folder, params) -- the descriptions, with the hashes of these files among the modules of those stages

The package that registers an environment called `module:Name-v0` is among their libraries, where it does not lie in custom/.
"""

from pathlib import Path

from understudy.code.distributions import versions
from understudy.code.stages import Described
from understudy.params.whole import Params
from understudy.params.word_project import WordProject
from understudy.utils.jsonfile import sha256

NOTES = "README.md"


def add_custom(described: Described, folder: Path, params: Params | WordProject) -> Described:
    """A change of any file makes all stages stale that run any of them."""
    if isinstance(params, WordProject):
        users, module = {"understudy.tasks.make"} if params.words.task == "own" else set(), ""
    else:
        users, module = _users(params), params.environment.id.rpartition(":")[0]
    files = {
        f"custom/{file.relative_to(folder)}": sha256(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != NOTES and "__pycache__" not in file.parts
    }
    top = module.partition(".")[0]
    registering = versions(
        [top] if module and not any((folder / f"{top}{kind}").exists() for kind in ("", ".py")) else []
    )
    return {
        stage: description
        | {"modules": description["modules"] | files, "distributions": description["distributions"] | registering}
        if users & description["modules"].keys()
        else description
        for stage, description in described.items()
    }


def _users(params: Params) -> set[str]:
    """The modules by which what params.yaml names in custom/ is run."""
    names = [str(wrapper.get("name")) for wrapper in params.environment.wrappers]
    users = {"understudy.environments.wrappers"} if any(":" in name for name in names) else set()
    users |= {"understudy.environments.make"} if ":" in params.environment.id else set()
    if params.expert is not None:
        users |= {"understudy.models.function"} if params.expert.algorithm == "function" else set()
        users |= {"understudy.demonstrators.sb3_zip"} if params.expert.algorithm == "sb3_zip" else set()
    return users
