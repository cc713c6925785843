"""Policies on disk: what is loaded acts as what was saved, and what is damaged is refused in one sentence."""

import errno
import json
import resource
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import understudy
from tests.builders import printed_by, seal
from tests.toys import CHOICES, CONFIGS, VECTORS, tiny_policy
from understudy.errors import DataError
from understudy.policies.build import build_model
from understudy.policies.files import FORMAT_VERSION, TrainedPolicy, load_trained, policy_hashes, save_policy
from understudy.policies.predict import Policy

OBSERVATIONS = np.random.default_rng(0).normal(size=(10, 3, 3)).astype(np.float32)


@pytest.fixture
def folder(tmp_path) -> Path:
    save_policy(tiny_policy("action_transformer", CHOICES, hidden=("y",)), tmp_path)
    return tmp_path


def actions(trained: TrainedPolicy, deterministic: bool) -> np.ndarray:
    policy, memory, chosen = Policy(trained), None, []
    for observation in OBSERVATIONS:
        action, memory = policy.predict(observation, memory, deterministic=deterministic)
        chosen.append(action)
    return np.stack(chosen)


def edit(folder: Path, **changes) -> None:
    """Change policy.json: `config__embed_dim=3` sets one key of a group, `None` leaves a key out."""
    content = json.loads((folder / "policy.json").read_text())
    for key, value in changes.items():
        group, _, name = key.rpartition("__")
        place = content[group] if group else content
        place.pop(name, None)
        if value is not None:
            place[name] = value
    seal(content)
    (folder / "policy.json").write_text(json.dumps(content))


def edit_weights(folder: Path, change) -> None:
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    change(tensors)
    safetensors.torch.save_file(tensors, folder / "model.safetensors")


def refusal(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_trained(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


@pytest.mark.parametrize("spec", [CHOICES, VECTORS], ids=["choices", "vectors"])
@pytest.mark.parametrize("family", CONFIGS)
def test_a_loaded_policy_acts_as_the_saved_one(tmp_path, family, spec):
    policy = tiny_policy(family, spec, hidden=("y",))
    save_policy(policy, tmp_path)
    torch.manual_seed(1)
    loaded = load_trained(tmp_path)
    for name in ("family", "config", "interface", "provenance"):
        assert getattr(loaded, name) == getattr(policy, name), name
    assert not loaded.model.training
    for deterministic in (True, False):
        np.testing.assert_array_equal(actions(loaded, deterministic), actions(policy, deterministic))


def test_an_expert_s_squashing_is_kept(tmp_path):
    policy = tiny_policy("expert", VECTORS)
    policy.config = policy.config | {"squash": True}
    policy.model = build_model("expert", policy.config, policy.interface, "expert").eval()
    save_policy(policy, tmp_path)
    loaded = load_trained(tmp_path)
    assert loaded.model.squash
    np.testing.assert_array_equal(actions(loaded, True), actions(policy, True))


def test_auto_is_written_as_what_it_stands_for(tmp_path):
    """Where nothing is hidden `state_differences: auto` is 0: a file says what was built."""
    policy = tiny_policy("action_transformer", CHOICES)
    policy.config = policy.config | {"state_differences": "auto"}
    policy.model = build_model("action_transformer", policy.config, policy.interface, "test")
    save_policy(policy, tmp_path)
    assert load_trained(tmp_path).config["state_differences"] == 0


def test_a_further_seed_leaves_the_first_one_s_files_alone(tmp_path):
    """Each training seed has a folder of its own."""
    for seed in (0, 1):
        (tmp_path / f"seed_{seed}").mkdir()
    save_policy(tiny_policy("mlp", CHOICES, seed=0), tmp_path / "seed_0")
    before = policy_hashes(tmp_path / "seed_0")
    save_policy(tiny_policy("mlp", CHOICES, seed=1), tmp_path / "seed_1")
    assert policy_hashes(tmp_path / "seed_0") == before
    assert policy_hashes(tmp_path / "seed_1")["model.safetensors"] != before["model.safetensors"]


def test_saving_twice_gives_the_same_bytes(tmp_path, folder):
    other = tmp_path / "other"
    other.mkdir()
    save_policy(load_trained(folder), other)
    assert {path.name for path in other.iterdir()} == {"policy.json", "model.safetensors"}
    for path in other.iterdir():
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_a_full_disk_is_told_as_the_operating_system_tells_it(tmp_path):
    """Stages know a full disk by OSError's number, or get a DataError; a library's own error would be a traceback."""
    policy = tiny_policy("mlp", CHOICES)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises((OSError, DataError)) as caught:
            save_policy(policy, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert isinstance(caught.value, DataError) or caught.value.errno == errno.EFBIG


def test_the_package_offers_load_policy(folder):
    assert understudy.load_policy(folder).predict(OBSERVATIONS[0])[0].shape == (3,)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    assert "expected a file, found none" in refusal(tmp_path / "nothing")


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"null", b'"policy"', b"\xff\xfe", b"[" * 100_000])
def test_a_description_that_is_no_json_object_is_refused(folder, content):
    (folder / "policy.json").write_bytes(content)
    assert "expected" in refusal(folder)


@pytest.mark.parametrize("version", [None, 1, 2, 3, 4, "5", [5]])
def test_another_format_version_is_refused_with_what_to_do(folder, version):
    edit(folder, format_version=version)
    sentence = f"expected format_version {FORMAT_VERSION}, got {version!r}; train the policy again with `dvc repro`"
    assert refusal(folder).endswith(sentence)


@pytest.mark.parametrize("key", ["family", "config", "interface", "provenance"])
def test_a_missing_part_is_named(folder, key):
    edit(folder, **{key: None})
    assert key in refusal(folder)


@pytest.mark.parametrize(
    "family", ["dinosaur", "os", "../x", "..policy", "action_transformer.FAMILY", "", "__init__", "mlp ", 3, ["mlp"]]
)
def test_an_unknown_family_is_refused(folder, family):
    edit(folder, family=family)
    assert "policy.json" in refusal(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"config": "wide"},
        {"config": [1, 2]},
        {"config__embed_dim": "8"},
        {"config__embed_dim": 8.0},
        {"config__embed_dim": True},
        {"config__embed_dim": -8},
        {"config__embed_dim": 7},
        {"config__embed_dim": 2**80},
        {"config__num_heads": 0},
        {"config__context": "all"},
        {"config__context": 33},
        {"config__state_differences": True},
        {"config__state_differences": 4},
        {"config__action_dropout": 1.5},
        {"config__embed_dim": None},
        {"config__colour": "red"},
        {"config__state_dim": 2},
        {"config__num_actions": 3},
        {"interface": []},
        {"interface": {"tasks": []}},
        {"provenance": 3},
    ],
    ids=str,
)
def test_a_description_of_wrong_values_is_refused(folder, changes):
    edit(folder, **changes)
    assert "policy.json: expected a policy's description, got a malformed one" in refusal(folder)


def edit_task(folder: Path, *path: str, value) -> None:
    """Change the task in policy.json at a place; None takes it away."""
    content = json.loads((folder / "policy.json").read_text())
    place = content["interface"]["tasks"][0]
    for key in path[:-1]:
        place = place[key]
    place.pop(path[-1], None)
    if value is not None:
        place[path[-1]] = value
    with suppress(ValueError):  # what is no JSON has no hash either
        seal(content)
    (folder / "policy.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("environment",), []),
        (("environment", "num_actions"), None),
        (("environment", "num_actions"), "four"),
        (("environment", "num_actions"), -4),
        (("environment", "components"), None),
        (("environment", "components"), 3),
        (("environment", "colour"), "red"),
        (("environment", "action_low"), [0.0]),
        (("hidden_components",), ["speed"]),
        (("hidden_components",), ["x", "y", "z"]),
        (("hidden_components",), 1),
        (("scales",), []),
        (("scales", "state_mean"), [0.0]),
        (("scales", "state_std"), [1.0, 0.0]),
        (("scales", "difference_std"), [[1.0] * 3] * 2 + [[1.0, 1.0, -1.0]]),
        (("scales", "state_mean"), ["a", "b"]),
        (("scales", "state_mean"), [float("nan"), 0.0]),
        (("scales", "return_std"), "one"),
        (("num_options",), "three"),
    ],
    ids=str,
)
def test_a_task_of_wrong_values_is_refused(folder, path, value):
    edit_task(folder, *path, value=value)
    assert "policy.json: expected a policy's description, got a malformed one" in refusal(folder)


@pytest.mark.parametrize(("name", "value"), [("action_high", [1.0]), ("action_low", ["a", "b"]), ("action_high", None)])
def test_bounds_that_cannot_hold_an_action_are_refused(tmp_path, name, value):
    save_policy(tiny_policy("mlp", VECTORS), tmp_path)
    edit_task(tmp_path, "environment", name, value=value)
    assert "policy.json: expected a policy's description, got a malformed one" in refusal(tmp_path)


def test_missing_weights_are_named(folder):
    (folder / "model.safetensors").unlink()
    assert refusal(folder).endswith("model.safetensors: expected the policy's weights, found no such file")


@pytest.mark.parametrize("size", [0, 4, 100, -1])
def test_truncated_weights_are_refused(folder, size):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    assert "expected a safetensors file, got one that cannot be read" in refusal(folder)


def test_other_bytes_than_weights_are_refused(folder):
    (folder / "model.safetensors").write_bytes(b"\x80\x04pickle" * 100)
    assert "expected a safetensors file" in refusal(folder)


def test_a_folder_in_place_of_the_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()
    assert "expected a safetensors file" in refusal(folder)


WEIGHT = "action_head.predict.weight"  # (4, 8) float32


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda tensors: tensors.pop(WEIGHT), f"got a difference at '{WEIGHT}'"),
        (lambda tensors: tensors.update(more=torch.zeros(1)), "got a difference at 'more'"),
        (
            lambda tensors: tensors.update({WEIGHT: torch.zeros(5, 8)}),
            f"{WEIGHT}: expected torch.float32 of shape (4, 8), got torch.float32 of (5, 8)",
        ),
        (
            lambda tensors: tensors.update({WEIGHT: torch.zeros(4, 8, dtype=torch.float64)}),
            f"{WEIGHT}: expected torch.float32 of shape (4, 8), got torch.float64 of (4, 8)",
        ),
        (lambda tensors: tensors[WEIGHT][0].fill_(torch.nan), f"{WEIGHT}: expected finite weights, got NaN"),
        (lambda tensors: tensors[WEIGHT][3].fill_(-torch.inf), f"{WEIGHT}: expected finite weights, got NaN"),
    ],
)
def test_weights_that_do_not_fit_are_refused(folder, change, says):
    edit_weights(folder, change)
    assert says in refusal(folder)


def test_a_description_of_another_size_is_refused(folder):
    edit(folder, config__hidden_dim=24)
    assert "expected torch.float32 of shape (24, 8), got torch.float32 of (16, 8)" in refusal(folder)


def test_a_giant_described_is_refused_before_it_takes_the_memory(folder):
    """In a process that may take 4 GiB: the description asks for 24 GB."""
    edit(folder, config__embed_dim=10**9)
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30,) * 2)\n"
        "from understudy.policies.predict import load_policy\n"
        "try: load_policy(sys.argv[1])\n"
        "except ValueError as error: print(type(error).__name__, str(error).count(chr(10)))"
    )
    assert printed_by(program, str(folder)) == "DataError 0\n"


def test_an_edited_description_is_noticed(folder):
    text = (folder / "policy.json").read_text()
    (folder / "policy.json").write_text(text.replace('"context": 4', '"context": 3'))
    assert text != (folder / "policy.json").read_text()
    assert "policy.json: expected what was saved with the weights, got another content" in refusal(folder)
