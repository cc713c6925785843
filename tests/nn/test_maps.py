"""Maps of a whole trunk: what is visible follows from the window, and tokens are named in their order."""

import torch

from understudy.nn.attention import rotary_angles, window_bands, window_mask
from understudy.nn.maps import attention_maps
from understudy.nn.trunk import Trunk


def small_maps(real: torch.Tensor | None = None):
    torch.manual_seed(0)
    trunk, steps = Trunk(16, 3, 2, 32, context=2), torch.arange(4).repeat_interleave(2)
    return attention_maps(trunk, torch.randn(2, 8, 16), steps, ("state", "action"), real)


def test_a_map_a_layer_whose_rows_sum_to_one_over_what_is_visible() -> None:
    maps = small_maps()
    allowed = window_mask(maps.steps, 2)
    assert [layer.shape for layer in maps.layers] == [(2, 2, 8, 8)] * 3
    for layer in maps.layers:
        torch.testing.assert_close(layer.sum(-1), torch.ones(2, 2, 8))
        assert ((layer > 0) == allowed).all()
    assert not torch.equal(maps.layers[0], maps.layers[1])


def test_tokens_are_named_by_step_and_modality() -> None:
    maps = small_maps()
    assert maps.steps.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert maps.modalities == ("state", "action") * 4


@torch.no_grad()
def test_a_layers_map_is_of_what_the_layers_before_made() -> None:
    torch.manual_seed(1)
    trunk, tokens, steps = Trunk(16, 2, 2, 32, context=2), torch.randn(2, 5, 16), torch.arange(5)
    rotation, bands = rotary_angles(steps, trunk.frequencies), window_bands(steps, 2, 1)
    first, second = trunk.blocks
    made = second.attention_norm(first(tokens, rotation, bands))
    expected = second.attention.weights(made, rotation, bands[0].bias)
    layers = attention_maps(trunk, tokens, steps, ("state",)).layers
    torch.testing.assert_close(layers[1], expected)
    normed = first.attention_norm(tokens)
    torch.testing.assert_close(layers[0], first.attention.weights(normed, rotation, bands[0].bias))


def test_nothing_is_taken_from_tokens_that_do_not_exist() -> None:
    real = torch.ones(2, 8, dtype=torch.bool)
    real[0, 2] = False
    for layer in small_maps(real).layers:
        assert (layer[0, :, 3:, 2] == 0).all()
        assert (layer[1, :, 3:5, 2] > 0).all()
