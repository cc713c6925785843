"""A state's token passes through a narrow code; what the code tells of the state is held against it."""

import pytest
import torch
from torch.nn import functional

from tests.models.rows import steps_of
from understudy.nn.row_memory import RowMemory
from understudy.nn.state_autoencoder import StateAutoencoder

SCALE = [[2.0, 3.0, 4.0], [5.0, 6.0, 7.0]]


def build(code: int, orders: int = 1) -> StateAutoencoder:
    torch.manual_seed(0)
    return StateAutoencoder(3, 8, code, orders, SCALE)


@torch.no_grad()
def test_a_token_is_made_of_the_code_alone() -> None:
    model, states = build(2), torch.randn(4, 6, 3)
    codes = model.encode(model.window(states))
    assert codes.shape == (4, 6, 2)
    weights = model.project.weight
    assert weights.shape == (8, 2)
    torch.testing.assert_close(model(states), codes @ weights.T + model.project.bias)


@torch.no_grad()
def test_errors_are_squares_averaged_over_the_components() -> None:
    model, states = build(2), torch.randn(4, 6, 3)
    told = model.reconstruct(model.encode(model.window(states)))
    expected = torch.stack([functional.mse_loss(one, other) for one, other in zip(told[2], states[2], strict=True)])
    torch.testing.assert_close(model.errors(states)[2], expected)


@pytest.mark.parametrize("orders", [0, 2])
@torch.no_grad()
def test_step_by_step_tokens_are_those_of_the_whole(orders: int) -> None:
    model, states = build(2, orders), torch.randn(4, 6, 3)
    memory = RowMemory(4, model.window.begin(4), None)
    steps = steps_of(states, torch.zeros(4, 6, dtype=torch.int64))
    tokens = torch.stack([model.decode_step(memory, step) for step in steps], dim=1)
    torch.testing.assert_close(tokens, model(states))


def test_a_code_as_wide_as_the_state_s_own_plane_learns_to_tell_it() -> None:
    """States lie on a plane in three dimensions: two numbers tell them, one does not."""
    torch.manual_seed(1)
    plane, left = torch.randn(2, 3), []
    for code in (1, 2):
        model = build(code, 0)
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(250):
            loss = model.errors((torch.randn(64, 2) @ plane)[None]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        left.append(float(loss.detach()))
    assert left[1] < 0.05 < 4 * left[1] + 0.05 < left[0]


@torch.no_grad()
def test_a_code_is_told_apart_by_all_units_of_a_layer_that_follows_it() -> None:
    """Its reconstruction is a map, a nonlinearity and a map, written out."""
    model, codes = build(2), torch.randn(5, 2)
    first, last = model.reconstruct[0], model.reconstruct[-1]
    assert (first.in_features, last.out_features) == (2, 3)
    expected = last(functional.gelu(codes @ first.weight.T + first.bias))
    torch.testing.assert_close(model.reconstruct(codes), expected)
