"""The whole pipeline, small: it runs from nothing, and reruns what a change touches and no more.

Which stages would rerun is asked of DVC itself. Stage `code` always runs after an edit, and select_columns after another one of a
family or of options; what counts is what is left to do after them. That all comes out the same to the byte when it is forced to
run again `make verify` shows.
"""

import contextlib
import json
import shutil

import pytest

from tests.builders import call_stage
from tests.contracts.imports_seen import missed_imports, recorder
from tests.contracts.small_pipeline import ROOT, describe_code, dvc, put_back, run, set_params, stages_to_rerun
from understudy.params.whole import load_params

pytestmark = pytest.mark.pipeline

POLICIES = ("mlp", "decoder", "hierarchical")


def trainings(policies=POLICIES, seed=0):
    """The stages of these policies, and comparison and report, which follow them."""
    return {
        "compare",
        "report",
        *(f"{stage}_policy@{name}-{seed}" for name in policies for stage in ("train", "evaluate")),
    }


STUDENTS = trainings()
EVALUATIONS = {"evaluate_references", *(name for name in STUDENTS if not name.startswith("train"))}
AFTER_SEQUENCES = STUDENTS | {"label_options", "select_columns"}
AFTER_CODE = AFTER_SEQUENCES | {"train_expert", "record_rollouts", "build_sequences", "evaluate_references"}
EVERY_STAGE = AFTER_CODE | {"code"}
EARLY_OUTPUTS = ("data/code", "data/columns", "data/processed/options")


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory):
    """A copy of the project in which the pipeline has run once."""
    return shutil.copytree(finished, tmp_path_factory.mktemp("pipeline") / "project", symlinks=True)


@pytest.fixture(scope="module")
def early_outputs(project, tmp_path_factory):
    """Copies of what the stages up to select_columns write that few inputs decide."""
    kept = tmp_path_factory.mktemp("early")
    for output in EARLY_OUTPUTS:
        shutil.copytree(project / output, kept / output)
    return kept


@pytest.fixture
def unchanged(project, early_outputs):
    """The project, whose tracked files and early outputs are put back as they were when a test is done with it."""
    yield project
    run(project, "git", "checkout", "--quiet", ".")
    for output in EARLY_OUTPUTS:
        shutil.rmtree(project / output)
        shutil.copytree(early_outputs / output, project / output)


@pytest.fixture
def restored(project):
    """The project, with all of its outputs put back by DVC when a test is done with it."""
    yield project
    put_back(project)


def left_to_do(folder, done):
    """The stages to rerun once `done`, code or select_columns, has been brought up to date with all before it.

    What these do is done in this process, which is quicker than `dvc repro`; DVC is asked for all others.
    """
    describe_code(folder)
    up_to_date, left = ["code"], stages_to_rerun(folder, but_for=["code"])
    for stage in ("label_options", "select_columns") if done == "select_columns" else ():
        if stage in left:
            with contextlib.chdir(folder), contextlib.redirect_stdout(None):
                call_stage(stage)
            up_to_date.append(stage)
            left = stages_to_rerun(folder, but_for=up_to_date)
    return left


def test_every_stage_has_run_and_nothing_is_left_to_do(project):
    lock = (project / "dvc.lock").read_text()
    assert all(f"  {stage}:" in lock for stage in EVERY_STAGE)
    assert stages_to_rerun(project) == set()
    assert "up to date" in dvc(project, "repro")
    assert not run(project, "git", "status", "--porcelain").strip()


def test_the_summary_has_one_entry_a_policy(project):
    summary = json.loads((project / "metrics" / "summary.json").read_text())
    assert set(summary) == {"expert", "random", *POLICIES}
    assert summary["expert"]["score"] == 1.0
    assert summary["random"]["score"] == 0.0
    assert all(entry["episodes"] == 6 for entry in summary.values())
    assert "shuffled_score" in summary["hierarchical"]
    assert all(0 <= entry["copy_rate"] <= 1 for entry in summary.values())
    assert all(0 <= summary[name]["change_accuracy"] <= 1 for name in POLICIES)


CHANGES = [
    ({"environment.id": "LunarLander-v3"}, "code", AFTER_CODE),
    ({"expert.seed": 1}, "code", AFTER_CODE),
    ({"expert.ppo.gamma": 0.9}, "code", AFTER_CODE),
    ({"expert.a2c.gamma": 0.9}, "code", {"report"}),
    ({"rollouts.noise": 0.1}, "code", AFTER_CODE - {"train_expert", "evaluate_references"}),
    ({"sequences.demonstrations": 5}, "code", AFTER_SEQUENCES | {"build_sequences"}),
    ({"sequences.hide": ["vx"]}, "code", AFTER_SEQUENCES | {"build_sequences"}),
    ({"options.count": 3}, "select_columns", trainings(["hierarchical"])),
    ({"training.steps": 5}, "code", STUDENTS),
    ({"training.seeds": [0, 1]}, "code", trainings(seed=1)),
    ({"policies.mlp.model.hidden_dim": 8}, "code", trainings(["mlp"])),
    ({"policies.decoder.model.num_layers": 2}, "code", trainings(["decoder"])),
    ({"policies.hierarchical.model.context": 5}, "code", trainings(["hierarchical"])),
    ({"policies.mlp.family": "action_transformer"}, "select_columns", trainings(["mlp"])),
    ({"policies.mlp.training": {"batch_size": 3}}, "code", trainings(["mlp"])),
    ({"evaluation.episodes": 8}, "code", EVALUATIONS),
    ({"comparison.resamples": 200}, "code", {"compare", "report"}),
    ({"compute.device": "cpu"}, "code", STUDENTS),
    ({"compute.workers": 1}, "code", set()),
]


@pytest.mark.parametrize("changes, done, expected", CHANGES, ids=[next(iter(changes)) for changes, *_ in CHANGES])
def test_a_changed_parameter_reruns_just_what_depends_on_it(unchanged, changes, done, expected):
    set_params(unchanged, changes)
    assert left_to_do(unchanged, done) == expected


def test_how_a_policy_is_played_retrains_nothing(unchanged):
    """Of the descriptions of code nothing depends on it, so that stage is left out of the question."""
    set_params(unchanged, {"policies.mlp.play": {"beam_width": 2}})
    assert stages_to_rerun(unchanged, but_for=["code"]) == {"evaluate_policy@mlp-0", "compare", "report"}


CODE = [
    ("src/understudy/evaluation/statistics.py", "code", {"compare", "report"}),
    ("src/understudy/report/figures.py", "code", {"compare", "report"}),
    ("src/understudy/report/sections.py", "code", {"report"}),
    ("src/understudy/models/mlp.py", "select_columns", trainings(["mlp"])),
    ("src/understudy/models/action_transformer.py", "select_columns", trainings(["decoder"])),
    ("src/understudy/options/discovery.py", "code", AFTER_SEQUENCES),
    ("src/understudy/options/discovery.py", "select_columns", {"report"}),  # the same options are found
    ("src/understudy/training/loop.py", "code", STUDENTS),
    ("src/understudy/environments/play.py", "code", AFTER_CODE),
    ("src/understudy/rollouts/record.py", "code", AFTER_CODE - {"train_expert"}),
    ("src/understudy/code/changes.py", "code", set()),
    ("pipeline/compare.py", "code", {"compare", "report"}),
    ("pipeline/run.py", "code", AFTER_CODE),
]


@pytest.mark.parametrize("file, done, expected", CODE, ids=[f"{file} {done}" for file, done, _ in CODE])
def test_edited_code_reruns_just_what_imports_it(unchanged, file, done, expected):
    with (unchanged / file).open("a") as module:
        module.write("EDITED = True\n")
    assert left_to_do(unchanged, done) == expected


def test_comments_docstrings_and_blank_lines_rerun_nothing(unchanged):
    for file in [*(unchanged / "src").rglob("*.py"), *(unchanged / "pipeline").glob("*.py")]:
        text = file.read_text()
        file.write_text("# A comment.\n\n" + (text.replace('"""', '"""Again: ', 1) if text.startswith('"""') else text))
    assert left_to_do(unchanged, "code") == set()


def test_another_version_of_a_library_reruns_what_imports_it(unchanged):
    """A new lock file reruns `code`; that a new version changes descriptions is for tests/code/test_distributions.py."""
    with (unchanged / "requirements.lock").open("a") as lock:
        lock.write("# another\n")
    assert stages_to_rerun(unchanged) == EVERY_STAGE
    assert left_to_do(unchanged, "code") == set()


def test_a_stage_has_imported_nothing_that_its_description_lacks(project, finished_imports):
    missed = missed_imports(finished_imports, project)
    assert len(missed) == len(AFTER_CODE)  # with one seed a policy: every stage and policy has been looked at
    assert {name: modules for name, modules in missed.items() if modules} == {}


def test_a_missed_import_is_caught(restored, tmp_path):
    """Planted: the table's module imports another by a name that no walk can read."""
    with (restored / "src/understudy/report/table.py").open("a") as module:
        module.write('\n__import__("understudy.options.discovery")\n')
    dvc(restored, "repro", "compare", **recorder(tmp_path))
    assert {"understudy.options.discovery"} <= missed_imports(tmp_path, restored)["compare"]


def test_a_new_policy_needs_no_change_of_the_pipeline(unchanged):
    before, after = (unchanged / "params.yaml").read_text().split("  mlp:\n", maxsplit=1)
    block = "  wide:\n    family: mlp\n    model: {hidden_dim: 32, num_layers: 1, continuous_loss: mse}\n    play: {}\n"
    block += "    best_returns: null\n    training: {}\n"
    (unchanged / "params.yaml").write_text(f"{before}{block}  mlp:\n{after}")
    assert load_params(unchanged / "params.yaml").policies.named("wide").family == "mlp"
    assert left_to_do(unchanged, "select_columns") == trainings(["wide"])


def test_a_temporary_experiment_runs_the_code_of_its_own_copy_and_is_applied_and_undone(restored):
    with (restored / "src/understudy/report/table.py").open("a") as module:
        module.write('\nprint("table from", __file__)\n')
    tried = ("--temp", "--name", "tried", "--set-param", "comparison.resamples=101")
    printed = dvc(restored, "exp", "run", *tried)
    where = [line for line in printed.splitlines() if line.startswith("table from")]
    assert len(where) == 2
    assert all(str(restored / ".dvc" / "tmp" / "exps") in line for line in where)
    assert not any(str(ROOT / "src") in line for line in where)
    assert printed.count("Running stage") == 3  # code, compare and report
    run(restored, "git", "checkout", "--quiet", ".")
    dvc(restored, "exp", "apply", "tried")
    assert "resamples: 101" in (restored / "params.yaml").read_text()
    assert stages_to_rerun(restored) == set()
    run(restored, "git", "checkout", "--quiet", ".")
    dvc(restored, "checkout")
    assert stages_to_rerun(restored) == set()
    assert not run(restored, "git", "status", "--porcelain").strip()
    assert "tried" in dvc(restored, "exp", "show", "--csv")


def test_a_missing_output_is_fetched_from_the_cache_and_not_computed(restored):
    shutil.rmtree(restored / "models" / "expert")
    assert "Running stage" not in dvc(restored, "repro")
    assert (restored / "models" / "expert" / "policy.json").exists()
