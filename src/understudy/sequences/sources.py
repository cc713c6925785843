"""Which columns of the data a policy learns from, with the hashes of the files that hold them.

describe_columns(reads, sequences, options) -- one policy's, JSON-ready
describe_start(of_data, stages)             -- what is added for a policy that does not start from nothing, or learns from a few

Training depends on this description and not on the data themselves: other options retrain only the policies that read options.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from understudy.errors import ParameterError
from understudy.params.load import read_yaml
from understudy.utils.jsonfile import read_json, sha256
from understudy.utils.provenance import trainings_hash

OF_OPTIONS = {"option", "termination"}
STAGE = "select_columns"


def describe_columns(reads: Collection[str], sequences: Path, options: Path) -> dict[str, Any]:
    """The columns that a family `reads`, and the SHA-256 of the descriptions of the data that hold them.

    Args:
        reads: names of columns.
        sequences: store.json.
        options: options.json; what it describes counts only where it is read.

    Raises:
        DataError: a description that is needed is missing or malformed.
    """
    sources = {"sequences": sequences} | ({"options": options} if OF_OPTIONS & set(reads) else {})
    for path in sources.values():
        read_json(path)
    return {"columns": sorted(reads), "sources": {name: sha256(path) for name, path in sources.items()}}


def describe_start(of_data: Mapping[str, Any], stages: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The keys of a policy's block that its training depends on as on data, and the hash of the weights that it starts from.

    Args:
        of_data: the keys, of PolicyParams.of_data.
        stages: dvc.yaml. A folder that it does not name DVC would not look at, and other weights would train nothing again.

    Raises:
        DataError: there are no weights. ParameterError: the stage does not depend on them.
    """
    if "starts_from" not in of_data:
        return dict(of_data), {}
    folder = of_data["starts_from"]
    listed = read_yaml(stages)["stages"][STAGE]["deps"]
    if folder not in listed:
        raise ParameterError(
            f"{stages}: stages.{STAGE}.deps: expected {folder}, from which a policy starts, among them,"
            f" got {', '.join(listed)}"
        )
    return dict(of_data), {"starts_from": trainings_hash(Path(folder))}
