"""Stage improve_policy on CartPole: a policy that has learned offline goes on, and what is refused before it does."""

import csv
import hashlib
import shutil
from dataclasses import replace

import numpy as np
import pytest
from ruamel.yaml import YAML

from tests.builders import PARAMETERS_FILE, call_stage, random_episodes, refused, written_store
from tests.improvement.test_run import MODEL, SPEC, params
from tests.killed import killed_after
from tests.toys import CONFIGS
from understudy.errors import DataError, ParameterError
from understudy.policies.files import load_trained
from understudy.rollouts.parquet import read_recording

TRAINING = {"threads": 1, "steps": 4, "batch_size": 4, "chunk_length": 8, "evaluate_every": 2, "warmup_steps": 2}
ONE_HEAD = {"num_heads_of_values": 1, "clipped_heads": 1}
MOMENTS = {
    "when the first round has been played": ("improvement.run.collect", 1),
    "when the first round has been written": ("improvement.run.write_recording", 1),
    "while the first round is learned from": ("training.learner._skip", 5),
    "when the first round has been saved": ("improvement.run.save_state", 1),
    "when the third has been saved": ("improvement.run.save_state", 2),
    "while all is written": ("policies.files.write_json", 1),
}


def write_params(folder, *, model: dict | None = None, family: str = "q_transformer", **changes) -> None:
    yaml = YAML()
    content = yaml.load(PARAMETERS_FILE)
    content["environment"]["id"] = "CartPole-v1"
    content["training"] |= TRAINING
    block = {"family": family, "model": MODEL | (model or {}), "play": {}, "best_returns": None, "training": {}}
    content["policies"] = {"q": block}
    content["compute"]["device"] = "cpu"
    content["improvement"] = {"online": params(steps=60, evaluate_every=30, **changes).model_dump()}
    yaml.dump(content, folder / "params.yaml")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written_store(tmp_path / "data" / "processed", SPEC, random_episodes(SPEC, [30, 25, 40, 12]))
    return tmp_path


def test_a_policy_goes_on_from_what_it_has_learned_offline(project) -> None:
    write_params(project, start="offline", training={"learning_rate": 1e-4})
    call_stage("train_policy", policy="q", seed=0)
    call_stage("improve_policy", name="online", seed=0)
    folder = project / "improved" / "online" / "seed_0"
    before, after = load_trained(project / "models" / "q" / "seed_0"), load_trained(folder)
    moved = [
        float((one - other).detach().abs().max())
        for one, other in zip(before.model.parameters(), after.model.parameters(), strict=True)
    ]
    assert 0 < max(moved) < 0.01  # some small steps away from it
    with (folder / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    recording = read_recording(folder)
    assert recording.demonstrator == "online"
    assert int(rows[-1]["steps"]) == len(recording.steps["reward"]) >= 60
    assert int(rows[-1]["episodes"]) == len(recording.episodes["seed"])
    assert np.array_equal(recording.steps["action"], recording.steps["demonstrated_action"])
    assert "return at the end" in (folder / "README.md").read_text()
    assert not (project / ".checkpoints" / "improve_policy@online-0").exists()


def test_from_scratch_no_offline_policy_is_needed(project) -> None:
    write_params(project, recorded_share=0.0)
    call_stage("improve_policy", name="online", seed=0)
    assert load_trained(project / "improved" / "online" / "seed_0").provenance.keys() == {"sequences"}


@pytest.mark.parametrize("start", ["offline", "scratch"])
def test_killed_at_any_moment_and_started_again_it_writes_the_same_bytes(project, start) -> None:
    write_params(project, start=start, training={"replay": "prioritized"}, episodes_per_round=1)
    call_stage("train_policy", policy="q", seed=0)
    folder = project / "improved" / "online" / "seed_0"

    def written() -> dict[str, str]:
        call_stage("improve_policy", name="online", seed=0)
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}

    undisturbed = written()
    shutil.rmtree(folder)
    for moment in MOMENTS.values():
        killed_after(*moment, written)
        assert not folder.exists()
    assert written() == undisturbed
    assert {"model.safetensors", "policy.json", "curve.csv", "steps.parquet", "episodes.parquet"} <= undisturbed.keys()
    assert not list((project / ".checkpoints").iterdir())


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"model": ONE_HEAD},
            "improvement.online.play.ucb: expected 0, since a single head of values has no deviation, got 1.0",
        ),
        ({"play": {"ucb": -1.0}}, "improvement.online.play.ucb: expected at least 0, got -1.0"),
        ({"play": {"ucbs": 1.0}}, "improvement.online.play.ucbs: expected one of the keys ucb, got an unknown one"),
        ({"training": {"chunk_length": 65}}, "training.chunk_length: expected at most max_seq_len = 64, got 65"),
        ({"training": {"step": 1}}, "improvement.online.training.step: expected one of the keys"),
        ({"family": "hierarchical"}, "policies.q.family: expected one that reads no options"),
    ],
)
def test_what_cannot_go_on_is_refused(project, given, sentence) -> None:
    write_params(project, **given)
    with refused(ParameterError, sentence):
        call_stage("improve_policy", name="online", seed=0)
    with refused(ParameterError, "--seed: expected one of training.seeds, [0], got 7"):
        call_stage("improve_policy", name="online", seed=7)


@pytest.mark.parametrize(
    ("family", "model"),
    [
        ("mlp", {"hidden_dim": 8, "num_layers": 1}),
        ("trajectory_transformer", CONFIGS["trajectory_transformer"]),  # reads rewards, and imitates what they go with
    ],
)
def test_a_family_that_would_imitate_itself_is_refused(project, family, model) -> None:
    write_params(project)
    params = YAML(typ="safe").load(project / "params.yaml")
    params["policies"]["q"] |= {"family": family, "model": model}
    params["improvement"]["online"]["play"] = {}
    with (project / "params.yaml").open("w") as file:
        YAML().dump(params, file)
    with refused(ParameterError, "policies.q.family: expected one that learns from rewards", f"got '{family}'"):
        call_stage("improve_policy", name="online", seed=0)


def test_recordings_in_which_nothing_is_paid_are_refused(project) -> None:
    unpaid = [replace(each, rewards=0 * each.rewards) for each in random_episodes(SPEC, [30, 25])]
    written_store(project / "unpaid", SPEC, unpaid)
    (project / "data" / "processed" / "sequences").rename(project / "paid")
    (project / "unpaid" / "sequences").rename(project / "data" / "processed" / "sequences")
    write_params(project)
    for stage, given in (("improve_policy", {"name": "online"}), ("train_policy", {"policy": "q"})):
        with refused(DataError, "q_transformer: expected recordings with rewards, of which it learns, got zeros alone"):
            call_stage(stage, seed=0, **given)


def test_a_policy_that_learned_from_other_recordings_is_refused(project) -> None:
    write_params(project, start="offline")
    call_stage("train_policy", policy="q", seed=0)
    written_store(project / "other", SPEC, random_episodes(SPEC, [30, 25]))
    (project / "data" / "processed" / "sequences").rename(project / "first")
    (project / "other" / "sequences").rename(project / "data" / "processed" / "sequences")
    with refused(
        DataError, "models/q/seed_0: expected a policy that learned from data/processed/sequences, got another one"
    ):
        call_stage("improve_policy", name="online", seed=0)
