"""studies/agent_replies: its stages against the root's and the programs, its runs against those of studies/agents."""

import json

from ruamel.yaml import YAML

from tests.contracts.small_pipeline import describe
from tests.imports import ROOT
from understudy.params.project import load_project

STUDY, AGENTS = ROOT / "studies/agent_replies", ROOT / "studies/agents"
STAGES, AGENTS_STAGES, ROOTS = (
    YAML(typ="safe").load((folder / "dvc.yaml").read_text())["stages"] for folder in (STUDY, AGENTS, ROOT)
)


def test_its_runs_are_those_of_the_agents_study():
    ours, theirs = (load_project(folder / "params.yaml") for folder in (STUDY, AGENTS))
    assert (ours.logs, ours.runs, ours.sequences) == (theirs.logs, theirs.runs, theirs.sequences)
    assert (ours.decisions.predicts, theirs.decisions.predicts) == ("reply", "choice")
    assert ours.training.seeds == theirs.training.seeds


def test_what_learns_is_the_roots():
    ours, roots = STAGES["train_policy"], ROOTS["train_policy"]
    same = ("matrix", "cmd", "deps", "params", "outs")
    assert {key: ours[key] for key in same} == {key: roots[key] for key in same}


def test_what_comes_before_is_that_of_the_agents_study():
    for name in ("import_logs", "embed_texts", "record_logs", "build_sequences", "select_columns", "evaluate_log"):
        assert STAGES[name] | {"desc": ""} == AGENTS_STAGES[name] | {"desc": ""}
    code = AGENTS_STAGES["code"]  # of programs of its own, too
    shared = [path for path in code["deps"] if path.startswith("${root}")]
    assert STAGES["code"] | {"desc": ""} == code | {"desc": "", "deps": shared}


def test_each_stage_depends_on_the_description_of_its_own_code():
    families = {name: block.family for name, block in load_project(STUDY / "params.yaml").policies.items()}
    described = {f"data/code/{name}.json" for name in describe(ROOT, families)}
    for name, stage in STAGES.items():
        if name not in ("fetch", "code"):
            [code] = [path for path in stage["deps"] if path.startswith("data/code")]
            assert code.replace("${item.policy}", "similarity") in described
            assert code.split("/")[2].removesuffix(".json") == name


def test_the_readmes_table_is_that_of_its_run():
    assert (STUDY / "metrics/retrieval.md").read_text() in (STUDY / "README.md").read_text()


def test_the_reply_is_found_half_of_the_time():
    found = json.loads((STUDY / "metrics/retrieval.json").read_text())["similarity and words"]
    assert found["r_at_1"] >= 0.5 and found["seeds"] == 5 and found["r_at_1_difference_ci_low"] > 0
