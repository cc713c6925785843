"""A policy that learned from logs and the embedder of its vectors, together in one folder.

copy_policy(policy, embeddings, target) -- both, where they belong together
"""

import shutil
from pathlib import Path

from understudy.embeddings.embedder import DESCRIPTION, NUMBERS, identity
from understudy.errors import DataError
from understudy.logs.observation import layout_of
from understudy.policies.files import load_trained


def copy_policy(policy: Path, embeddings: Path, target: Path) -> None:
    """Copy a policy and its embedder to an existing folder.

    Raises:
        DataError: the policy has learned from vectors of another embedder, or from something else.
    """
    expected, found = layout_of(load_trained(policy).task.environment).embedder, identity(embeddings)
    if expected != found:
        raise DataError(
            f"{embeddings}: expected the embedder {expected[:12]} that {policy} learned with, got {found[:12]}"
        )
    for folder, names in ((policy, ("policy.json", "model.safetensors")), (embeddings, (DESCRIPTION, NUMBERS))):
        for name in names:
            shutil.copyfile(folder / name, target / name)
