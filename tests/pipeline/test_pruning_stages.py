"""From a trained policy to smaller ones, their scores and times, stage by stage."""

import dataclasses

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

import understudy
from tests.builders import call_stage, parameters_text, random_episodes, refused, written_recording, written_store
from tests.killed import killed_after
from tests.toys import CONFIGS
from understudy.environments.make import read_spec
from understudy.errors import DataError, ParameterError
from understudy.params.environment import EnvironmentParams
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy, load_trained, policy_hashes, save_policy
from understudy.sequences.sources import describe_columns
from understudy.sequences.store import open_sequences
from understudy.utils.jsonfile import read_json, write_json

SETTINGS = {
    "environment.id": "CartPole-v1",
    "training.threads": "1",
    "training.batch_size": "4",
    "training.chunk_length": "8",
    "evaluation.episodes": "4",
    "evaluation.first_seed": "100",
    "evaluation.block_size": "2",
    "comparison.resamples": "100",
    "compute.workers": "1",
}
PRUNING = {
    "project": "../project",
    "seeds": [0],
    "importance_batches": 2,
    "finetuning": {"steps": 3, "warmup_steps": 1, "evaluate_every": 3},
    "policies": {
        "decoder": {
            "magnitude": [0.5],
            "structured": {"small": {"layers": 0.5, "heads": 0.5, "units": 0.75}},
            "int8": ["full"],
        }
    },
    "timing": {"batch_sizes": [1, 3], "rounds": 2, "steps": 1},
}
WAYS = ["small", "small_finetuned", "sparsity_0.5", "sparsity_0.5_finetuned"]


def write_project(project):
    """A project on CartPole with a decoder that has learned nothing, and its recordings by chance."""
    project.mkdir()
    (project / "params.yaml").write_text(parameters_text(SETTINGS))
    spec = read_spec(EnvironmentParams(id="CartPole-v1", kwargs={}, wrappers=[]))
    store = written_store(project / "data/processed", spec, random_episodes(spec, [20, 17, 30, 25]))
    training = open_sequences(store, "train")
    torch.manual_seed(0)
    model = build_model("action_transformer", CONFIGS["action_transformer"], training.interface, "here").eval()
    policy = TrainedPolicy(
        model, "action_transformer", CONFIGS["action_transformer"], training.interface, {"sequences": training.sha256}
    )
    folder = project / "models/decoder/seed_0"
    folder.mkdir(parents=True)
    save_policy(policy, folder)
    columns = describe_columns(sorted(model.reads), store / "store.json", project / "none")
    write_json(project / "data/columns/decoder.json", columns)
    for name, length in (("expert", 30), ("random", 5), ("decoder/seed_0", 12)):
        episodes = [
            dataclasses.replace(each, rewards=np.ones_like(each.rewards))
            for each in random_episodes(spec, [length + number for number in range(4)])
        ]
        written_recording(project / "data/evaluation" / name, spec, episodes)


def write_params(study, **changes):
    YAML().dump({"pruning": PRUNING | changes}, study / "params.yaml")


@pytest.fixture
def study(tmp_path, monkeypatch):
    write_project(tmp_path / "project")
    (tmp_path / "study").mkdir()
    write_params(tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study")
    return tmp_path / "study"


def test_smaller_policies_are_made_play_and_are_compared(study, capsys):
    call_stage("prune_policy", policy="decoder", seed=0)
    folder = study / "models/decoder/seed_0"
    assert sorted(each.name for each in folder.iterdir()) == WAYS
    assert read_json(folder / "small/policy.json")["config"] == CONFIGS["action_transformer"] | {
        "num_layers": 1,
        "num_heads": 1,
        "num_kv_heads": 1,
        "head_dim": 4,
        "hidden_dim": 4,
    }
    assert (folder / "small_finetuned/learning_curve.csv").is_file()
    assert "50% of the layers, 50% of the heads, 75% of the units left out" in (folder / "small/README.md").read_text()
    action, _ = understudy.load_policy(folder / "small_finetuned").predict(np.zeros(4, np.float32))
    assert action in (0, 1)
    before, after = (load_trained(folder / f"sparsity_0.5{end}").model.state_dict() for end in ("", "_finetuned"))
    assert all(torch.equal(before[name] == 0, after[name] == 0) for name in before if name.endswith("_proj.weight"))
    assert not all(torch.equal(before[name], after[name]) for name in before)

    call_stage("evaluate_pruned", policy="decoder", seed=0)
    assert sorted(each.name for each in (study / "data/evaluation/decoder/seed_0").iterdir()) == ["full_int8", *WAYS]
    call_stage("time_pruned")
    times = read_json(study / "metrics/times.json")["decoder"]
    assert list(times) == ["1", "3"] and times["1"].keys() == times["3"].keys()
    assert {"full", "full_int8", "small_finetuned", "small_finetuned_int8"} <= times["1"].keys()
    assert all(each > 0 for measured in times.values() for each in measured.values())
    measured = {name: taken | {"full": 10.0, "full_int8": 20.0} for name, taken in times.items()}
    write_json(study / "metrics/times.json", {"decoder": measured})
    capsys.readouterr()
    call_stage("compare_pruned")
    summary = read_json(study / "metrics/summary.json")["decoder"]
    assert sorted(summary) == ["full", "full_int8", *WAYS]
    assert summary["full"]["score"] == pytest.approx((13.5 - 6.5) / (31.5 - 6.5)) and "gain" not in summary["full"]
    assert summary["small"]["gain"] == pytest.approx(summary["small"]["score"] - summary["full"]["score"])
    text = (study / "metrics/results.md").read_text()
    assert text == capsys.readouterr().out
    sentence = "decoder: full is not faster in eight bits (environments at a time: 1, 3); leave it out of int8."
    assert text.endswith(f"|\n\n{sentence}\n")
    assert (study / "metrics/figures/results.png").read_bytes()[:4] == b"\x89PNG"


def test_the_same_again_is_the_same_to_the_byte(study):
    written = []
    for _ in range(2):
        call_stage("prune_policy", policy="decoder", seed=0)
        written.append([policy_hashes(study / "models/decoder/seed_0" / way) for way in WAYS])
    assert written[0] == written[1]


def test_killed_and_started_again_with_other_batches_for_importance_nothing_of_before_is_taken(study):
    """Whose finetuned policy had the same shape, and lacked other units."""
    hashes = []
    for killed_with in (None, 4):
        if killed_with is not None:
            write_params(study, importance_batches=killed_with)
            killed_after("training.loop.save", 2, lambda: call_stage("prune_policy", policy="decoder", seed=0))
            assert list((study / ".checkpoints").rglob("small_finetuned.safetensors"))
        write_params(study, importance_batches=1)
        call_stage("prune_policy", policy="decoder", seed=0)
        hashes.append([policy_hashes(study / "models/decoder/seed_0" / way) for way in WAYS])
    assert hashes[0] == hashes[1]


def test_what_was_made_of_another_policy_does_not_play(study):
    call_stage("prune_policy", policy="decoder", seed=0)
    full = study / "../project/models/decoder/seed_0"
    policy = load_trained(full)
    with torch.no_grad():
        policy.model.action_head.predict.bias.add_(1.0)
    save_policy(policy, full)
    with refused(DataError, "models/decoder/seed_0/sparsity_0.5: expected what was made of", "prune it again"):
        call_stage("evaluate_pruned", policy="decoder", seed=0)


def test_mistakes_are_told_in_a_sentence(study):
    with refused(ParameterError, "--policy: expected one of decoder, got 'mlp'"):
        call_stage("prune_policy", policy="mlp", seed=0)
    with refused(DataError, "../project/models/decoder/seed_7/policy.json: expected a file, found none"):
        call_stage("prune_policy", policy="decoder", seed=7)
    block = PRUNING["policies"]["decoder"]
    write_params(study, policies={"decoder": block | {"structured": {"none": {"heads": 0.9}}}})
    with refused(
        ParameterError, "pruning.policies.decoder.structured.none.heads: expected a share that leaves one of 2"
    ):
        call_stage("prune_policy", policy="decoder", seed=0)
    assert not (study / "models/decoder/seed_0").exists()
    write_params(study, finetuning={"seeds": [1]})
    with refused(ParameterError, "pruning.finetuning.seeds: expected none"):
        call_stage("prune_policy", policy="decoder", seed=0)
    write_params(study, project="../nowhere")
    with refused(ParameterError, "../nowhere/params.yaml: expected a file with parameters"):
        call_stage("prune_policy", policy="decoder", seed=0)


def test_times_of_other_policies_are_refused(study):
    write_json(study / "metrics/times.json", {"mlp": {}})
    with refused(DataError, "metrics/times.json: expected times of decoder, got of mlp"):
        call_stage("compare_pruned")
