"""Options of the transformers: their ranges, and the trunk that they build."""

from dataclasses import FrozenInstanceError

import pytest
import torch

from understudy.nn.attention import WindowedAttention
from understudy.nn.transformer_options import LONGEST_ROW, TransformerOptions

SIZES = {"embed_dim": 16, "num_layers": 2, "num_heads": 4, "hidden_dim": 32, "max_seq_len": 12}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"action_dropout": 1.5}, "action_dropout: expected a chance from 0 to 1, got 1.5"),
        ({"action_dropout": -0.1}, "action_dropout: expected a chance from 0 to 1, got -0.1"),
        ({"action_dropout": float("nan")}, "action_dropout: expected a chance from 0 to 1, got nan"),
        ({"value_weight": -1.0}, "value_weight: expected at least 0, got -1.0"),
        ({"value_weight": float("nan")}, "value_weight: expected at least 0, got nan"),
    ],
)
def test_chances_and_weights_out_of_their_range_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransformerOptions(**options)


@pytest.mark.parametrize("options", [{"action_dropout": 0.0}, {"action_dropout": 1.0}, {"value_weight": 0.0}])
def test_the_ends_of_a_range_are_within_it(options: dict) -> None:
    assert TransformerOptions(**options)


def test_options_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        TransformerOptions().context = 3


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="'dropout'"):
        TransformerOptions(dropout=0.1)


@pytest.mark.parametrize(
    ("options", "sizes", "message"),
    [
        ({}, {"max_seq_len": 0}, "max_seq_len: expected from 1 to 1000000 steps, got 0"),
        ({}, {"max_seq_len": LONGEST_ROW + 1}, "max_seq_len: expected from 1 to 1000000 steps, got 1000001"),
        ({"context": 13}, {}, "context: expected at most max_seq_len = 12 steps, got 13"),
        ({"context": 0}, {}, "context: expected at least 1 step, got 0"),
        ({"num_kv_heads": 3}, {}, "num_kv_heads: expected a divisor of num_heads = 4, got 3"),
        ({"attention": "linear"}, {}, "attention: expected one of softmax, performer, elu, got 'linear'"),
        ({"attention": "performer", "num_random_features": 0}, {}, "num_random_features: expected at least 1, got 0"),
        (
            {"attention": "elu", "context": 5},
            {},
            "context: expected null under attention 'elu', which has no window and sees all of a row, got 5",
        ),
        ({"head_dim": 5}, {}, "head_dim: expected an even number from 2 on, got 5"),
    ],
)
def test_a_trunk_that_makes_no_sense_is_refused(options: dict, sizes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransformerOptions(**options).build_trunk(**SIZES | sizes)


def test_a_trunk_has_the_sizes_and_options_asked_for() -> None:
    trunk = TransformerOptions(context=5, num_kv_heads=2, gradient_checkpointing=True).build_trunk(**SIZES)
    assert (trunk.embed_dim, len(trunk.blocks), trunk.num_heads, trunk.context) == (16, 2, 4, 5)
    assert trunk.blocks[1].up_proj.weight.shape == (32, 16)
    assert trunk.blocks[0].attention.num_kv_heads == 2
    assert trunk.gradient_checkpointing
    assert TransformerOptions(head_dim=2).build_trunk(**SIZES).head_dim == 2
    assert trunk(torch.zeros(1, 12, 16), torch.arange(12), 1).shape == (1, 12, 16)


@pytest.mark.parametrize(("attention", "features"), [("performer", 6), ("elu", 4)])
def test_linear_attention_has_the_features_asked_for_and_no_context(attention: str, features: int) -> None:
    trunk = TransformerOptions(attention=attention, num_random_features=6, num_kv_heads=2).build_trunk(**SIZES)
    assert trunk.context is None
    assert [block.attention.features.num_features for block in trunk.blocks] == [features] * 2
    assert trunk.blocks[0].attention.num_kv_heads == 2
    assert trunk(torch.zeros(1, 12, 16), torch.arange(12), 1).shape == (1, 12, 16)


def test_a_token_may_see_the_whole_of_the_longest_row() -> None:
    assert TransformerOptions(context=12).build_trunk(**SIZES).context == 12


def test_without_a_say_the_value_counts_a_tenth_of_the_imitation() -> None:
    assert TransformerOptions().value_weight == 0.1


def test_without_a_say_a_token_sees_the_longest_row_and_every_head_has_its_own_keys() -> None:
    trunk = TransformerOptions().build_trunk(**SIZES)
    assert trunk.context == 12
    assert trunk.blocks[0].attention.num_kv_heads == 4
    assert trunk.head_dim == 4
    assert not trunk.gradient_checkpointing
    assert isinstance(trunk.blocks[0].attention, WindowedAttention)
