"""A function of the user's own acts row by row, and what it does wrong is a sentence."""

import numpy as np
import pytest
import torch

from tests.builders import refused
from tests.toys import CHOICES, VECTORS
from understudy.demonstrators.function import function_expert
from understudy.errors import DataError, ParameterError
from understudy.models.function import FunctionActor
from understudy.params.environment import EnvironmentParams
from understudy.params.expert import FunctionParams
from understudy.policies.files import TrainedPolicy, load_trained, save_policy
from understudy.policies.predict import load_policy
from understudy.step import Step

MODULE = """
import numpy as np

NOTHING = 3

def sign(state): return int(state[0] > 0)
def mean(state): return [state.mean(), -1.0]
def fails(state): raise KeyError("x")
def far(state): return 9
def just_beyond(state): return 4
def small(state): return np.int8(2)
def many(state): return np.zeros(3)
def nan(state): return [np.nan, 0.0]
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "mine_to_act.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


def act(name: str, spec=CHOICES) -> np.ndarray:
    actor = FunctionActor(spec.action_dim, spec.discrete_actions, f"mine_to_act:{name}")
    states = torch.tensor([[1.0, 0.0, 2.0], [-1.0, 1.0, 0.0]])
    step = Step(states, torch.zeros(2), torch.zeros(2), torch.ones(2, dtype=torch.bool))
    return actor.act(actor.begin(2), step).actions.numpy()


def test_choices_and_vectors():
    np.testing.assert_array_equal(act("sign"), [1, 0])
    assert act("small").dtype == np.int64
    assert act("mean", VECTORS).dtype == np.float32
    np.testing.assert_array_equal(act("mean", VECTORS), np.asarray([[1, -1], [0, -1]], np.float32))


@pytest.mark.parametrize(
    ("name", "spec", "says"),
    [
        ("fails", CHOICES, "mine_to_act:fails: expected an action for an observation, got KeyError: 'x'"),
        ("far", CHOICES, "mine_to_act:far: expected one of 0 to 3 as an action, got 9"),
        ("just_beyond", CHOICES, "mine_to_act:just_beyond: expected one of 0 to 3 as an action, got 4"),
        ("mean", CHOICES, "expected one of 0 to 3 as an action"),
        ("many", VECTORS, "mine_to_act:many: expected 2 numbers as an action, got [0. 0. 0.]"),
        ("nan", VECTORS, "expected 2 numbers as an action, got [nan 0.]"),
    ],
)
def test_what_is_no_action_is_refused(name, spec, says):
    with refused(DataError, says):
        act(name, spec)


def test_what_cannot_be_imported_is_refused():
    with refused(ParameterError, "expert.function.name: expected 'mine_to_act:other'"):
        act("other")
    with refused(ParameterError, "expert.function.name: expected a function, got mine_to_act:NOTHING"):
        act("NOTHING")


def test_loading_imports_nothing_and_predict_takes_weights_alone(tmp_path):
    policy = function_expert(EnvironmentParams(id="CartPole-v1", kwargs={}), FunctionParams(name="mine_to_act:sign"))
    assert isinstance(policy, TrainedPolicy)
    save_policy(policy, tmp_path)
    assert load_trained(tmp_path).model.function is None
    with refused(DataError, "expected a policy with weights, got a function of one's own, mine_to_act:sign"):
        load_policy(tmp_path)
