"""What a run of the pipeline has left in a project's folder, read for the report.

read_outcome(folder) -> Outcome
"""

from pathlib import Path

from understudy.evaluation.read import read_references
from understudy.params.whole import load_params
from understudy.policies.files import load_trained
from understudy.report.plots import read_curves, read_expert_curve
from understudy.report.sections import Outcome
from understudy.rollouts.parquet import read_recording
from understudy.utils.jsonfile import read_json


def read_outcome(folder: Path) -> Outcome:
    """Read a project's parameters, scores, evaluations and policies.

    Raises:
        ParameterError: params.yaml is missing or wrong.
        DataError: an output of a stage is missing or damaged.
    """
    params = load_params(folder / "params.yaml")
    without_expert, seed = params.demonstrations is not None, params.training.seeds[0]
    recordings = read_references(folder, without_expert)
    recordings |= {
        name: read_recording(folder / "data/evaluation" / name / f"seed_{seed}") for name in params.policies.names
    }
    summary = read_json(folder / "metrics/summary.json")
    shown = params.model_dump(exclude={"compute": {"workers"}})  # by which nothing that comes out changes
    described = [read_json(file) for file in sorted((folder / "data/code").rglob("*.json"))]
    return Outcome(
        params={name: section for name, section in shown.items() if section is not None},
        summary={name: summary[name] for name in recordings if name in summary},
        between=summary.get("differences", {}),
        recordings=recordings,
        policies={name: load_trained(folder / "models" / name / f"seed_{seed}") for name in params.policies.names},
        curves=read_curves(folder, params.policies.names, seed),
        expert_curve=[] if without_expert else read_expert_curve(folder),
        versions={name: version for each in described for name, version in each["distributions"].items() if version},
    )
