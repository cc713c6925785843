"""A training that ends in the middle and is resumed gives the weights and the curve of one that did not, to the bit."""

import pytest
import torch

from tests.training.test_loop import HELD_OUT, TRAINING, parameters
from understudy.models.action_transformer import ActionTransformer
from understudy.training import loop
from understudy.training.loop import train


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


@pytest.mark.parametrize("looks", [1, 3])
def test_resumed_training_is_the_same_to_the_bit(tmp_path, monkeypatch, looks):
    params = parameters(steps=40, evaluate_every=7, patience=100)
    undisturbed = new_model(TRAINING)
    expected = train(undisturbed, TRAINING, HELD_OUT, params, "test")
    real, saves = loop.save, []

    def save_and_end(run, path):
        real(run, path)
        saves.append(run.step)
        if len(saves) == looks:
            raise Interrupted

    monkeypatch.setattr(loop, "save", save_and_end)
    with pytest.raises(Interrupted):
        train(new_model(TRAINING), TRAINING, HELD_OUT, params, "test", tmp_path / "run")
    monkeypatch.setattr(loop, "save", real)
    resumed = new_model(TRAINING)
    outcome = train(resumed, TRAINING, HELD_OUT, params, "test", tmp_path / "run")
    assert outcome == expected
    for name, weights in undisturbed.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], weights), name
