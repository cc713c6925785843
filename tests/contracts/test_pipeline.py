"""The whole pipeline, small: it runs from nothing, comes out the same to the byte, and reruns what a change touches and no more.

Which stages would rerun is asked of DVC itself.
"""

import json
import shutil

import pytest

from tests.contracts.small_pipeline import ROOT, copy_project, run, set_params, stages_to_rerun
from understudy.params import load_params

pytestmark = pytest.mark.pipeline

POLICIES = ("mlp", "decoder", "hierarchical")
EVERY_STAGE = {
    "train_expert",
    "record_rollouts",
    "build_sequences",
    "label_options",
    "evaluate_references",
    "compare",
    *(f"{stage}@{policy}" for stage in ("train_policy", "evaluate_policy") for policy in POLICIES),
}
AFTER_SEQUENCES = EVERY_STAGE - {"train_expert", "record_rollouts", "build_sequences", "evaluate_references"}
EVALUATIONS = {"evaluate_references", "compare", *(f"evaluate_policy@{policy}" for policy in POLICIES)}


def one_policy(name):
    return {f"train_policy@{name}", f"evaluate_policy@{name}", "compare"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project in which the pipeline has run once."""
    folder = tmp_path_factory.mktemp("project")
    copy_project(folder)
    run(folder, "dvc", "repro")
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", "Results")
    return folder


@pytest.fixture
def unchanged(project):
    """The project, put back as it was committed when a test is done with it."""
    yield project
    run(project, "git", "checkout", "--quiet", ".")


def test_every_stage_has_run_and_nothing_is_left_to_do(project):
    lock = (project / "dvc.lock").read_text()
    assert all(f"  {stage}:" in lock for stage in EVERY_STAGE)
    assert stages_to_rerun(project) == set()
    assert "up to date" in run(project, "dvc", "repro")


def test_the_summary_has_one_entry_a_policy(project):
    summary = json.loads((project / "metrics" / "summary.json").read_text())
    assert set(summary) == {"expert", "random", *POLICIES}
    assert summary["expert"]["score"] == 1.0
    assert summary["random"]["score"] == 0.0
    assert all(entry["episodes"] == 6 for entry in summary.values())
    assert "shuffled_score" in summary["hierarchical"]
    assert all(0 <= entry["copy_rate"] <= 1 for entry in summary.values())
    assert all(0 <= summary[name]["change_accuracy"] <= 1 for name in POLICIES)


def test_forced_again_everything_comes_out_the_same_to_the_byte(project):
    before = (project / "dvc.lock").read_text()
    run(project, "dvc", "repro", "--force")
    assert (project / "dvc.lock").read_text() == before
    assert not run(project, "git", "status", "--porcelain").strip()


CHANGES = [
    ({"environment.id": "LunarLander-v3"}, EVERY_STAGE),
    ({"expert.seed": 1}, EVERY_STAGE),
    ({"expert.ppo.gamma": 0.9}, EVERY_STAGE),
    ({"expert.a2c.gamma": 0.9}, set()),
    ({"rollouts.noise": 0.1}, EVERY_STAGE - {"train_expert", "evaluate_references"}),
    ({"sequences.demonstrations": 5}, AFTER_SEQUENCES | {"build_sequences"}),
    ({"sequences.hide": ["vx"]}, AFTER_SEQUENCES | {"build_sequences"}),
    ({"options.count": 3}, {"label_options"} | one_policy("hierarchical")),
    ({"training.seed": 1}, AFTER_SEQUENCES - {"label_options"}),
    ({"policies.mlp.hidden_dim": 8}, one_policy("mlp")),
    ({"policies.decoder.num_layers": 2}, one_policy("decoder")),
    ({"policies.hierarchical.context": 5}, one_policy("hierarchical")),
    ({"evaluation.episodes": 8}, EVALUATIONS),
    ({"comparison.resamples": 200}, {"compare"}),
    ({"compute.device": "cpu"}, AFTER_SEQUENCES - {"label_options"}),
    ({"compute.workers": 1}, set()),
]


@pytest.mark.parametrize("changes, expected", CHANGES, ids=[next(iter(changes)) for changes, _ in CHANGES])
def test_a_changed_parameter_reruns_just_what_depends_on_it(unchanged, changes, expected):
    set_params(unchanged, changes)
    assert stages_to_rerun(unchanged) == expected


CODE = [
    ("src/understudy/evaluation/statistics.py", {"compare"}),
    ("src/understudy/report/figures.py", {"compare"}),
    ("src/understudy/models/mlp.py", one_policy("mlp")),
    ("src/understudy/models/action_transformer.py", one_policy("decoder")),
    ("src/understudy/options/discovery.py", {"label_options"} | one_policy("hierarchical")),
    ("src/understudy/training/loop.py", AFTER_SEQUENCES - {"label_options"}),
    ("src/understudy/environments/play.py", EVERY_STAGE - {"train_expert"}),
]


@pytest.mark.parametrize("file, expected", CODE, ids=[file for file, _ in CODE])
def test_edited_code_reruns_just_what_imports_it(unchanged, file, expected):
    with (unchanged / file).open("a") as module:
        module.write("# edited\n")
    assert stages_to_rerun(unchanged) == expected


def test_a_new_policy_needs_no_change_of_the_pipeline(unchanged):
    before, after = (unchanged / "params.yaml").read_text().split("  mlp:\n", maxsplit=1)
    block = "  wide:\n    family: mlp\n    learns_from: sequences\n    hidden_dim: 32\n    num_layers: 1\n"
    (unchanged / "params.yaml").write_text(f"{before}{block}  mlp:\n{after}")
    assert load_params(unchanged / "params.yaml").policies["wide"].family == "mlp"
    assert {"train_policy@wide", "evaluate_policy@wide", "compare"} == stages_to_rerun(unchanged)


def test_a_temporary_experiment_runs_the_code_of_its_own_copy(unchanged):
    with (unchanged / "src/understudy/report/table.py").open("a") as module:
        module.write('\nprint("table from", __file__)\n')
    printed = run(unchanged, "dvc", "exp", "run", "--temp", "--set-param", "comparison.resamples=101", "compare")
    where = [line for line in printed.splitlines() if line.startswith("table from")]
    assert len(where) == 1
    assert str(unchanged / ".dvc" / "tmp" / "exps") in where[0]
    assert str(ROOT / "src") not in where[0]


def test_a_missing_output_is_fetched_from_the_cache_and_not_computed(unchanged):
    shutil.rmtree(unchanged / "models" / "expert")
    assert "Running stage" not in run(unchanged, "dvc", "repro")
    assert (unchanged / "models" / "expert" / "policy.json").exists()
