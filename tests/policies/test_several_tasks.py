"""A policy of several tasks: which one it acts in, the units of each, and a task that it does not have."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.builders import refused
from tests.mixed import MIXED, SPECS, TASKS, WIDE
from tests.toys import CONFIGS
from understudy.errors import DataError
from understudy.policies.act import Acting
from understudy.policies.actor import load_actor
from understudy.policies.build import build_model
from understudy.policies.card import write_card
from understudy.policies.files import TrainedPolicy, load_trained, save_policy
from understudy.policies.predict import load_policy
from understudy.step import Step

SIXTH = replace(SPECS[0], environment_id="MountainCar-v0")


@pytest.fixture
def trained() -> TrainedPolicy:
    torch.manual_seed(0)
    config = CONFIGS["generalist"] | {"continuous_loss": "mse"}
    model = build_model("generalist", config, MIXED, "p").eval()
    return TrainedPolicy(model, "generalist", config, MIXED, {"sequences": "0" * 64})


@pytest.fixture
def folder(tmp_path: Path, trained: TrainedPolicy) -> Path:
    save_policy(trained, tmp_path)
    return tmp_path


@torch.inference_mode()
def expected(trained: TrainedPolicy, number: int, observation: np.ndarray) -> np.ndarray:
    """The first action by the full pass, in the environment's units."""
    task = TASKS[number]
    states = torch.zeros(len(observation), 1, 5)
    states[:, 0, : task.state_dim] = torch.from_numpy(task.normalize_states(observation))
    ids, ones = torch.full((len(observation),), number), torch.ones(len(observation), dtype=torch.int64)
    preds = trained.model(states, torch.zeros(len(observation), 1, 2), ids, ones)[:, 0].numpy()
    return preds.argmax(-1) if task.discrete_actions else task.unnormalize_actions(preds[:, : task.action_dim])


@pytest.mark.parametrize("number", range(3))
def test_in_each_task_it_acts_in_that_tasks_units(trained: TrainedPolicy, number: int) -> None:
    spec, task = SPECS[number], TASKS[number]
    observation = np.random.default_rng(number).normal(size=(4, spec.state_dim)).astype(np.float32)
    action = np.zeros(4, np.int64) if spec.discrete_actions else np.zeros((4, 2), np.float32)
    acting = Acting(trained.acting_in(spec), 4, {})
    decision = acting.act(Step(observation, action, np.zeros(4, np.float32), np.ones(4, bool)))
    assert decision.actions.dtype == (np.int64 if task.discrete_actions else np.float32)
    np.testing.assert_allclose(decision.actions, expected(trained, number, observation), atol=1e-5)
    again = acting.act(Step(observation, decision.actions, np.zeros(4, np.float32), np.zeros(4, bool)))
    assert again.actions.shape == decision.actions.shape


def test_from_disk_a_task_is_named_by_its_environment(folder: Path, trained: TrainedPolicy) -> None:
    observation = np.zeros(5, np.float32)
    action, state = load_policy(folder, environment="Wide-v0").predict(observation)
    assert action == expected(trained, 1, observation[None])[0]
    assert state.acting.number == 1
    assert load_policy(folder, environment=SPECS[2]).predict(np.zeros(2, np.float32))[0].shape == (2,)
    assert load_actor(folder, environment=SPECS[1]).policy.task == TASKS[1]
    assert load_trained(folder).interface == MIXED


def test_a_task_that_it_does_not_have_is_refused_in_a_sentence(folder: Path, trained: TrainedPolicy) -> None:
    with refused(
        DataError, "policy: environment: expected one of the 3 tasks Toy-v0 with {}, Wide-v0", "MountainCar-v0"
    ):
        trained.acting_in(SIXTH)
    other = replace(WIDE, kwargs={"wind": 1})  # the same id is not the same task
    with refused(DataError, "policy: environment: expected one of the 3 tasks", "got Wide-v0 with {'wind': 1}"):
        trained.acting_in(other)
    with refused(DataError, "environment: expected the id of one of Toy-v0", "got 'MountainCar-v0', that of 0"):
        load_policy(folder, environment="MountainCar-v0")


def test_which_task_it_is_has_to_be_said(folder: Path, trained: TrainedPolicy) -> None:
    with refused(DataError, "policy: expected which of its 3 tasks it is to act in, Toy-v0, Wide-v0", "got none"):
        _ = trained.task
    with refused(DataError, "policy: expected which of its 3 tasks"):
        load_policy(folder).predict(np.zeros(3, np.float32))


def test_its_card_names_all_tasks(trained: TrainedPolicy, tmp_path: Path) -> None:
    write_card(tmp_path, "generalist", trained, {})
    card = (tmp_path / "README.md").read_text()
    for spec in SPECS:
        assert spec.environment_id in card
    assert 'environment="Toy-v0"' in card
