"""A training that ends in the middle and is resumed gives the weights and the curve of one that did not, to the bit."""

import pytest
import torch

from tests.builders import CHOICES
from tests.toys import CONFIGS
from tests.training.test_device import toy_sequences
from tests.training.test_loop import HELD_OUT, TRAINING, Climber, parameters
from understudy.models.action_transformer import ActionTransformer
from understudy.policies.build import build_model
from understudy.training import loop
from understudy.training.loop import train

REWARDED = toy_sequences(CHOICES, 0)


class Interrupted(Exception):
    """Stands for anything that ends a training in the middle."""


def new_model(training):
    torch.manual_seed(0)
    sizes = {"embed_dim": 16, "num_layers": 1, "num_heads": 2, "hidden_dim": 16, "max_seq_len": 100}
    spec = training.spec
    dimensions = (training.states.shape[1], spec.action_dim)
    return ActionTransformer(
        *dimensions, **sizes, discrete_actions=spec.discrete_actions, context=4, action_dropout=0.5
    )


def assert_resumed_is_the_same(make_model, params, validations, folder, monkeypatch, training=None):
    """Train without a break, and with one after so many validations: both give the same, which is returned."""
    undisturbed = make_model()
    given = {"seed": 3, "name": "test"}
    training, held_out = (TRAINING, HELD_OUT) if training is None else (training, training)
    expected = train(undisturbed, training, held_out, params, **given)
    real, saves = loop.save, []

    def save_and_end(run, path):
        real(run, path)
        saves.append(run.step)
        if len(saves) == validations:
            raise Interrupted

    monkeypatch.setattr(loop, "save", save_and_end)
    with pytest.raises(Interrupted):
        train(make_model(), training, held_out, params, **given, checkpoint=folder / "run")
    monkeypatch.setattr(loop, "save", real)
    resumed = make_model()
    outcome = train(resumed, training, held_out, params, **given, checkpoint=folder / "run")
    assert outcome == expected
    for name, weights in undisturbed.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], weights), name
    return outcome


@pytest.mark.parametrize("patience", [100, None])
@pytest.mark.parametrize("validations", [1, 3])
def test_resumed_training_is_the_same_to_the_bit(tmp_path, monkeypatch, validations, patience):
    params = parameters(steps=40, evaluate_every=7, patience=patience)
    assert_resumed_is_the_same(lambda: new_model(TRAINING), params, validations, tmp_path, monkeypatch)


@pytest.mark.parametrize("family", ["decision_transformer", "rvs", "trajectory_transformer"])
def test_resumed_training_of_those_who_learn_from_rewards_is_the_same_to_the_bit(tmp_path, monkeypatch, family):
    """What is measured on the steps, such as bins, is measured again."""

    def new():
        torch.manual_seed(0)
        return build_model(family, CONFIGS[family], REWARDED.interface, f"policies.{family}")

    params = parameters(steps=8, evaluate_every=3, batch_size=4)
    assert_resumed_is_the_same(new, params, 1, tmp_path, monkeypatch, REWARDED)


def test_resumed_after_its_best_validation_training_selects_the_weights_of_then(tmp_path, monkeypatch):
    params = parameters(steps=12, evaluate_every=1, learning_rate=0.1, batch_size=100)
    outcome = assert_resumed_is_the_same(lambda: Climber(0.35), params, 8, tmp_path, monkeypatch)
    assert outcome.selected_step < 8
