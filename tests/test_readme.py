"""The tables of the READMEs hold the numbers that lie in git beside them: what a workspace has computed since is its own."""

import json
import subprocess

import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT
from understudy.report.table import format_table

RESULTS = "docs/reference/results.md"
STUDIES = ["studies/continuous/", "studies/multi_agent/"]
SHARES = {
    "accuracy": "action_accuracy",
    "at changes": "change_accuracy",
    "agreement": "on_policy_agreement",
    "repeats its action": "copy_rate",
}
INTERVALS = {"score [interval]": "score", "beyond mlp": "gain", "shuffled options": "shuffled_score"}


def in_git(path: str) -> str:
    """A file as it is in the index, which a checkout begins with."""
    shown = subprocess.run(["git", "show", f":{path}"], cwd=ROOT, capture_output=True, text=True, check=False)
    if shown.returncode != 0:
        pytest.skip(f"{path} is in no repository here")
    return shown.stdout


def read_summary(folder: str) -> dict:
    """The summary by policy in the order in which `compare` prints it, which a file with sorted keys does not keep."""
    summary = json.loads(in_git(f"{folder}metrics/summary.json"))
    policies = YAML(typ="safe").load(in_git(f"{folder}params.yaml"))["policies"]
    return {name: summary[name] for name in ("expert", "random", *policies)}


def interval(entry: dict, key: str) -> str:
    return f"{entry[key]:.3f} [{entry[f'{key}_ci_low']:.3f}, {entry[f'{key}_ci_high']:.3f}]"


@pytest.mark.parametrize("page", ["README.md", RESULTS])
def test_the_table_is_the_one_that_the_pipeline_printed(page: str) -> None:
    assert format_table(read_summary(""), "mlp") in in_git(page)


def test_the_readme_is_short() -> None:
    assert len(in_git("README.md").splitlines()) <= 120


def test_what_is_said_of_the_options_is_so() -> None:
    entry, text = read_summary("")["hierarchical"], " ".join(in_git(RESULTS).split())  # however its lines are cut
    assert f"at least {int(100 * min(entry['option_usage']))} % of the steps" in text
    assert f"holds one for {entry['option_dwell']:.0f} steps (median)" in text
    assert f"its score is {interval(entry, 'shuffled_score')}" in text
    assert f"({json.loads(in_git('metrics/options.json'))['information']:.3f} nats on held-out episodes" in text


@pytest.mark.parametrize(("study", "runs"), [("studies/memory/", ("t_maze/", "repeat_previous/"))])
def test_a_table_of_several_runs_has_what_is_right_and_the_score_of_each(study: str, runs: tuple[str, ...]) -> None:
    lines = in_git(f"{study}README.md").splitlines()
    summaries = [read_summary(f"{study}{run}") for run in runs]
    for name in summaries[0]:
        [row] = [line for line in lines if line.startswith(f"| {name} |")]
        entries = [summary[name] | {"right": summary[name]["return_mean"]} for summary in summaries]
        entries = [
            entry | {f"right_{end}": entry[f"return_{end}"] for end in ("ci_low", "ci_high")} for entry in entries
        ]
        expected = [interval(entry, key) for entry in entries for key in ("right", "score")]
        assert [cell.strip(" *") for cell in row.strip("|").split("|")] == [name, *expected]


@pytest.mark.parametrize("study", STUDIES)
def test_a_studys_table_is_that_of_its_run(study: str) -> None:
    lines = in_git(f"{study}README.md").splitlines()
    header = next(line for line in lines if line.startswith("| policy |"))
    columns = [cell.strip() for cell in header.strip("|").split("|")]
    for name, entry in read_summary(study).items():
        [row] = [line for line in lines if line.startswith(f"| {name} |")]
        cells = dict(zip(columns, (cell.strip() for cell in row.strip("|").split("|")), strict=True))
        assert float(cells["return"]) == pytest.approx(entry["return_mean"], abs=0.051)
        for column, key in INTERVALS.items():
            if column in cells and key in entry:
                expected = interval(entry, key)
                assert cells[column] == (expected[:5] if name in ("expert", "random") else expected), (name, column)
        for column, key in SHARES.items():
            if column in cells and key in entry:
                assert cells[column] == f"{entry[key]:.3f}", (name, column)
