"""Stage select_columns: which columns of the data each policy's family reads. Writes data/columns, one file a policy."""

from pathlib import Path

from understudy.models.registry import EVERY_POLICY, load_family
from understudy.params import Params
from understudy.sequences.columns import describe_columns
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.jsonfile import write_json

LOADS = (EVERY_POLICY,)  # families of policies, by name
SEQUENCES, OPTIONS = Path("data/processed/sequences/store.json"), Path("data/processed/options/options.json")


def work(params: Params) -> None:
    with replace_folder(Path("data/columns")) as folder:
        for name, policy in params.policies.items():
            write_json(folder / f"{name}.json", describe_columns(load_family(policy.family).reads, SEQUENCES, OPTIONS))


if __name__ == "__main__":
    run_stage(work, __doc__)
