"""Stage select_columns: which columns of the data each policy's family reads. Writes data/columns, one file a policy."""

from pathlib import Path

from understudy.errors import DataError
from understudy.models.registry import EVERY_POLICY
from understudy.params.policies import PoliciesParams
from understudy.sequences.sources import describe_columns, describe_start
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.jsonfile import read_json, write_json

LOADS = (EVERY_POLICY,)
CODE, STAGES = Path("data/code/select_columns.json"), Path("dvc.yaml")
SEQUENCES, OPTIONS = Path("data/processed/sequences/store.json"), Path("data/processed/options/options.json")


def work(policies: PoliciesParams) -> None:
    code = read_json(CODE)
    reads, of_data = code.get("reads"), code.get("of_data", {})
    if not isinstance(reads, dict) or set(reads) != set(policies.names):
        raise DataError(f"{CODE}: expected the columns that {', '.join(policies.names)} read, got {reads!r}")
    if of_data != policies.of_data:
        raise DataError(f"{CODE}: expected of params.yaml {policies.of_data}, got {of_data}; run the stage code again")
    with replace_folder(Path("data/columns")) as folder:
        for name, columns in reads.items():
            described = describe_columns(columns, SEQUENCES, OPTIONS)
            further, sources = describe_start(policies.named(name).of_data, STAGES)
            described["sources"] |= sources
            write_json(folder / f"{name}.json", described | further)


if __name__ == "__main__":
    run_stage(work, __doc__)
