"""Stage judge: the folds of each domain judged together. Writes metrics/domains.json and metrics/domains.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from understudy.log_evaluation.folds import Fold, agreement_of_logs, summarise_folds
from understudy.log_evaluation.predictions import Predictions, read_predictions
from understudy.log_evaluation.runs import read_runs
from understudy.log_evaluation.table import format_number, markdown
from understudy.params.log_evaluation import LogEvaluationParams
from understudy.rollouts.parquet import read_recording
from understudy.stage import run_stage
from understudy.utils.atomic import replace_file
from understudy.utils.jsonfile import write_json

FOLDS, BASELINES = Path("data/folds"), "baselines"
CHOICES = {"accuracy": "all decisions", "tool_accuracy": "tool turns"}
SUCCESS = {
    "success_auroc_half": "AUROC, half",
    "success_auroc_half_difference": "less that of {}",
    "success_brier_half": "Brier, half",
    "success_auroc_whole": "AUROC, whole",
}
Summary = Mapping[str, Mapping[str, Any]]


def work(log_evaluation: LogEvaluationParams) -> None:
    found: dict[str, Any] = {}
    for domain in sorted(path for path in FOLDS.iterdir() if path.is_dir()):
        folds = [read_fold(folder) for folder in sorted(domain.iterdir())]
        found[domain.name] = {"logs": agreement_of_logs(folds), "said": summarise_folds(folds, log_evaluation)}
    write_json(Path("metrics/domains.json"), found)
    said = {domain: each["said"] for domain, each in found.items()}
    text = "\n".join([format_choices(said), format_success(said, log_evaluation.success_baseline), format_folds(said)])
    with replace_file(Path("metrics/domains.md")) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    print(text, end="")


def read_fold(folder: Path) -> Fold:
    """What folds.py has left of one fold."""
    said: dict[str, Predictions] = {}
    for who in sorted((folder / "evaluation").iterdir()):
        for path in sorted(who.iterdir()):  # a baseline each, or the one training seed of a policy
            said[path.name if who.name == BASELINES else who.name] = read_predictions(path)["test"]
    return Fold(read_runs(folder / "test", read_recording(folder / "test")), said)


def format_choices(said: Mapping[str, Summary]) -> str:
    """A row a policy or baseline, two columns a domain."""
    rows = [["who", *(f"{domain}, {label}" for domain in said for label in CHOICES.values())]]
    for name in next(iter(said.values())):
        rows.append([name, *(format_number(said[domain][name], number) for domain in said for number in CHOICES)])
    return markdown(rows)


def format_success(said: Mapping[str, Summary], baseline: str) -> str:
    """Rows by domain of those that tell an outcome."""
    rows = [["domain, who", *(label.format(baseline) for label in SUCCESS.values())]]
    for domain, summary in said.items():
        for name, entry in summary.items():
            if "success_auroc_half" in entry:
                forms = ("+.3f" if number.endswith("difference") else ".3f" for number in SUCCESS)
                cells = [format_number(entry, number, form) for number, form in zip(SUCCESS, forms, strict=True)]
                rows.append([f"{domain}, {name}", *cells])
    return markdown(rows)


def format_folds(said: Mapping[str, Summary]) -> str:
    """AUROC after half the run, a column a fold."""
    told = [
        (f"{domain}, {name}", entry["success_auroc_half_folds"])
        for domain, summary in said.items()
        for name, entry in summary.items()
        if "success_auroc_half_folds" in entry
    ]
    header = ["AUROC after half the run", *(f"fold {number}" for number in range(len(told[0][1])))]
    return markdown(
        [header, *([name, *("" if each is None else f"{each:.3f}" for each in folds)] for name, folds in told)]
    )


if __name__ == "__main__":
    run_stage(work, __doc__)
