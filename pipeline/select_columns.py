"""Stage select_columns: which columns of the data each policy's family reads. Writes data/columns, one file a policy."""

from pathlib import Path

from understudy.errors import DataError
from understudy.models.registry import EVERY_POLICY
from understudy.params.policies import PoliciesParams
from understudy.sequences.sources import describe_columns
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.jsonfile import read_json, write_json

LOADS = (EVERY_POLICY,)
CODE = Path("data/code/select_columns.json")
SEQUENCES, OPTIONS = Path("data/processed/sequences/store.json"), Path("data/processed/options/options.json")


def work(policies: PoliciesParams) -> None:
    reads = read_json(CODE).get("reads")
    if not isinstance(reads, dict) or set(reads) != set(policies.names):
        raise DataError(f"{CODE}: expected the columns that {', '.join(policies.names)} read, got {reads!r}")
    with replace_folder(Path("data/columns")) as folder:
        for name, columns in reads.items():
            write_json(folder / f"{name}.json", describe_columns(columns, SEQUENCES, OPTIONS))


if __name__ == "__main__":
    run_stage(work, __doc__)
