"""Which stages run what lies in custom/, the user's own.

add_custom(described, folder, params) -- the descriptions, with the hashes of these files among the modules of those stages
"""

from pathlib import Path

from understudy.code.stages import Described
from understudy.params.whole import Params
from understudy.utils.jsonfile import sha256

NOTES = "README.md"


def add_custom(described: Described, folder: Path, params: Params) -> Described:
    """A change of any file makes all stages stale that run any of them."""
    names = [str(wrapper.get("name")) for wrapper in params.environment.wrappers]
    users = {"understudy.environments.wrappers"} if any(":" in name for name in names) else set()
    if params.expert is not None:
        users |= {"understudy.models.function"} if params.expert.algorithm == "function" else set()
        users |= {"understudy.demonstrators.sb3_zip"} if params.expert.algorithm == "sb3_zip" else set()
    files = {
        f"custom/{file.relative_to(folder)}": sha256(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != NOTES and "__pycache__" not in file.parts
    }
    return {
        stage: description | {"modules": description["modules"] | files}
        if users & description["modules"].keys()
        else description
        for stage, description in described.items()
    }
