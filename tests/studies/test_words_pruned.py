"""Smaller policies of games in text, on a small project: what is made of a policy plays, is timed and is compared."""

from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from tests.builders import call_stage, imported, refused
from tests.imports import ROOT
from tests.studies.covered import not_covered
from tests.tasks.project import PARAMS
from understudy.errors import DataError
from understudy.params.load import load_sections
from understudy.params.pruning import PruningParams
from understudy.policies.files import load_trained, save_policy
from understudy.utils.jsonfile import read_json, write_json
from understudy.word_evaluation.games_file import read_games

STUDY = ROOT / "studies" / "words_pruned"
OWN = {"play_games": "play_games.py", "time_steps": "time_steps.py", "compare": "compare.py"}
READS = ["action", "final_observation", "label", "observation", "reward", "terminated", "truncated"]
SPARSE = ["sparsity_0.2", "sparsity_0.2_finetuned", "sparsity_0.5", "sparsity_0.5_finetuned"]
WAYS = ["full", "small", "small_finetuned", *SPARSE]
PRUNING = {
    "project": "../project",
    "seeds": [0],
    "importance_batches": 2,
    "finetuning": {"steps": 3, "warmup_steps": 1, "evaluate_every": 3},
    "policies": {
        "ilql": {"magnitude": [0.5, 0.2], "structured": {"small": {"heads": 0.5, "units": 0.75}}, "int8": []},
    },
    "timing": {"batch_sizes": [1, 3], "rounds": 2, "steps": 1},
}


def call_own(program, **arguments):
    sections = load_sections(Path("params.yaml"), {"pruning": PruningParams})
    imported(STUDY / OWN[program]).work(**arguments, **sections)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A project whose one policy has learned, and beside it the folder of a study, which is the current one."""
    project, folder = tmp_path / "project", tmp_path / "study"
    project.mkdir()
    folder.mkdir()
    monkeypatch.chdir(project)
    text = PARAMS[: PARAMS.index("  decoder:")] + PARAMS[PARAMS.index("  ilql:") :].replace(
        "baseline: bc", "baseline: null"
    )
    language = (
        "{embed_dim: 32, num_layers: 1, num_heads: 2, num_kv_heads: 2, hidden_dim: 64, max_seq_len: 32, context: 18}"
    )
    (project / "params.yaml").write_text(text.replace("*language", language).replace("steps: 60", "steps: 10"))
    for stage in ("record_words", "build_sequences", "evaluate_word_players"):
        call_stage(stage)
    write_json(project / "data/code/select_columns.json", {"reads": {"ilql": READS}})
    call_stage("select_columns")
    call_stage("train_policy", policy="ilql", seed=0)
    monkeypatch.chdir(folder)
    YAML().dump({"pruning": PRUNING}, folder / "params.yaml")
    call_stage("prune_policy", policy="ilql", seed=0)
    return folder


def test_smaller_policies_play_the_games_of_the_project_and_are_compared(study, capsys):
    call_own("play_games", policy="ilql", seed=0)
    folder = study / "data/evaluation/ilql/seed_0"
    assert sorted(each.name for each in folder.iterdir()) == WAYS
    files = [f"{way}.parquet" for way in ("better_greedy", "better_sampled", "greedy", "sampled")]
    assert sorted(each.name for each in (folder / "small").iterdir()) == [*files, "size.json"]
    call_stage_in_project(study, "evaluate_words", policy="ilql", seed=0)
    of_project = study.parent / "project/data/evaluation/ilql/seed_0"
    assert all((folder / "full" / file).read_bytes() == (of_project / file).read_bytes() for file in files)

    call_own("time_steps")
    times = read_json(study / "metrics/times.json")["ilql"]
    assert list(times) == ["1", "3"]
    assert all(sorted(each) == ["full", "small_finetuned", "sparsity_0.5_finetuned"] for each in times.values())
    capsys.readouterr()
    call_own("compare")
    summary = read_json(study / "metrics/summary.json")["ilql"]
    assert sorted(summary) == sorted(["data", "random", "consistent 1", *WAYS])
    assert "difference" not in summary["full"]
    small, full = summary["small"], summary["full"]
    assert small["difference"] == pytest.approx(small["return"] - full["return"])
    assert small["numbers_not_zero"] < full["numbers_not_zero"]
    assert -7 < small["return"] < 0
    said = capsys.readouterr().out
    assert (study / "metrics/results.md").read_text() == said
    assert f"| {small['numbers_not_zero']:,} |" in said
    assert (study / "metrics/figures/results.png").read_bytes()[:4] == b"\x89PNG"


def call_stage_in_project(study, stage, **arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(study.parent / "project")
        call_stage(stage, **arguments)


def test_what_does_not_belong_together_is_a_sentence(study):
    write_json(study / "metrics/times.json", {"bc": {}})
    with refused(DataError, "metrics/times.json: expected times of what is pruned, got of bc"):
        call_own("compare")
    call_own("play_games", policy="ilql", seed=0)
    assert len(read_games(study / "data/evaluation/ilql/seed_0/small/greedy.parquet").seeds) == 40
    full = study / "../project/models/ilql/seed_0"
    policy = load_trained(full)
    with torch.no_grad():
        next(policy.model.parameters()).add_(1.0)
    save_policy(policy, full)
    with refused(DataError, "models/ilql/seed_0/sparsity_0.5: expected what was made of the policy that is there now"):
        call_own("play_games", policy="ilql", seed=0)


@pytest.mark.parametrize("stage", OWN)
def test_a_stage_depends_on_all_that_its_program_imports(stage):
    families = ["language_bc", "language_q"]
    assert not_covered(STUDY, stage, {"${item.policy}": families}, [] if stage == "compare" else families) == set()
