"""What every family offers beside its tokens: the loss of action vectors, bounds, recomputed activations, maps, and sizes."""

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode

from understudy.models.action_transformer import ActionTransformer
from understudy.models.hierarchical import HierarchicalTransformer
from understudy.models.mlp import MultilayerPerceptron
from understudy.models.multi_agent import MultiAgentTransformer
from understudy.sequences.batch import Batch

ROWS, STEPS, COUNT = 2, 7, 3
FAMILIES = (ActionTransformer, HierarchicalTransformer, MultiAgentTransformer)
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
each_kind = pytest.mark.parametrize("discrete", [True, False], ids=["discrete", "continuous"])


def build(family: type[nn.Module], discrete: bool, state_dim: int = 3, action_dim: int = 2, **options) -> nn.Module:
    torch.manual_seed(0)
    if family is MultilayerPerceptron:
        return family(state_dim, action_dim, 16, 2, discrete, **options)
    count = () if family is ActionTransformer else (COUNT,)
    return family(state_dim, action_dim, 16, 2, 2, 32, STEPS, discrete, *count, **options)


def draw_batch(
    family: type[nn.Module], discrete: bool, state_dim: int = 3, action_dim: int = 2, steps: int = STEPS
) -> Batch:
    """Rows of which the second is one step long; of agents there are three in each, one of them absent."""
    torch.manual_seed(1)
    agents = COUNT if family is MultiAgentTransformer else 1
    seq_lens = torch.full((ROWS, agents), steps)
    seq_lens[1] = 1
    if family is MultiAgentTransformer:
        seq_lens[:, 1] = 0
    seq_lens = seq_lens.flatten()
    mask = torch.arange(steps) < seq_lens[:, None]
    actions = torch.randint(action_dim, mask.shape) if discrete else torch.rand(*mask.shape, action_dim)
    batch = Batch(torch.randn(*mask.shape, state_dim), actions, actions, torch.randn(mask.shape), seq_lens, mask, mask)
    options = torch.randint(COUNT, mask.shape)
    return Batch(**vars(batch) | {"options": options, "terminations": options == 0, "num_agents": agents})


def arguments(model: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
    """What `forward` takes."""
    if isinstance(model, HierarchicalTransformer):
        return batch.states, batch.actions, batch.options, batch.seq_lens
    if isinstance(model, MultiAgentTransformer):
        states, actions, lengths = (
            each.unflatten(0, (-1, COUNT)) for each in (batch.states, batch.actions, batch.seq_lens)
        )
        return states, torch.arange(COUNT).expand(lengths.shape), actions, lengths, lengths > 0
    return batch.states, batch.actions, batch.seq_lens


def action_preds(model: nn.Module, batch: Batch) -> Tensor:
    preds = model(*arguments(model, batch))[1 if isinstance(model, HierarchicalTransformer) else 0]
    return preds.flatten(0, 1) if isinstance(model, MultiAgentTransformer) else preds


@pytest.mark.parametrize("family", (*FAMILIES, MultilayerPerceptron), ids=lambda family: family.__name__)
@torch.no_grad()
def test_action_vectors_may_be_learned_by_squared_error(family: type[nn.Module]) -> None:
    model, batch = build(family, False, continuous_loss="mse"), draw_batch(family, False)
    terms, preds = model.losses(batch, torch.Generator())
    torch.testing.assert_close(terms["action"], (preds - batch.labels).square()[batch.mask].mean())
    played, log_std = model.step(model.new_state(2 * COUNT), torch.randn(2 * COUNT, 3))
    assert played.shape == log_std.shape == (2 * COUNT, 2)
    assert (log_std.exp() == 0).all()


@pytest.mark.parametrize("family", (*FAMILIES, MultilayerPerceptron), ids=lambda family: family.__name__)
def test_an_unknown_loss_is_refused(family: type[nn.Module]) -> None:
    with pytest.raises(ValueError, match="continuous_loss: expected one of nll, mse, got 'huber'"):
        build(family, False, continuous_loss="huber")


@each_family
def test_action_vectors_outside_known_bounds_are_refused(family: type[nn.Module]) -> None:
    model, batch = build(family, False, action_bounds=([0.0, 0.0], [1.0, 1.0])), draw_batch(family, False)
    batch.actions[~batch.mask] = 7.0
    model(*arguments(model, batch))
    batch.actions[batch.mask] = torch.tensor([0.5, -0.25])
    with pytest.raises(ValueError, match=r"actions: expected entry 1 from 0 to 1, got -0\.25"):
        model(*arguments(model, batch))
    assert "action_bounds" not in model.state_dict()


@pytest.mark.parametrize("family", (*FAMILIES, MultilayerPerceptron), ids=lambda family: family.__name__)
@pytest.mark.parametrize("loss", ["nll", "mse"])
def test_a_range_of_actions_is_learned_like_any_other(family: type[nn.Module], loss: str) -> None:
    """In other units predictions are stretched as the actions are, gradients are the same, and densities less by the stretch."""
    middle, half_range = torch.tensor([1000.0, -0.25]), torch.tensor([512.0, 0.125])
    bounds = ([-1.0, -1.0], [1.0, 1.0]), ((middle - half_range).tolist(), (middle + half_range).tolist())
    one, other = (build(family, False, continuous_loss=loss, action_bounds=each) for each in bounds)
    batch = draw_batch(family, False)
    stretched = middle + half_range * batch.actions
    stretched_batch = Batch(**vars(batch) | {"actions": stretched, "labels": stretched})
    terms, preds = one.losses(batch, torch.Generator())
    stretched_terms, stretched_preds = other.losses(stretched_batch, torch.Generator())
    torch.testing.assert_close(stretched_preds, middle + half_range * preds)
    less_dense = half_range.log().sum() if loss == "nll" else 0.0
    torch.testing.assert_close(stretched_terms["action"], terms["action"] + less_dense)
    sum(terms.values()).backward()
    sum(stretched_terms.values()).backward()
    for weights, others in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(others.grad, weights.grad, rtol=1e-3, atol=1e-5)
    state, observations, executed = other.new_state(2 * COUNT), torch.randn(2 * COUNT, 3), torch.rand(2 * COUNT, 2)
    own_state = one.new_state(2 * COUNT)
    for _ in range(2):
        played, stretched_played = one.step(own_state, observations)[0], other.step(state, observations)[0]
        torch.testing.assert_close(stretched_played, middle + half_range * played)
        one.acted(own_state, executed)
        other.acted(state, middle + half_range * executed)


def gradients(model: nn.Module, batch: Batch) -> tuple[list[Tensor], int]:
    """Predictions and gradients, and how many entries were kept for them."""
    sizes: list[int] = []
    with saved_tensors_hooks(lambda saved: sizes.append(saved.numel()) or saved, lambda saved: saved):
        terms, preds = model.train().losses(batch, torch.Generator().manual_seed(2))
    sum(terms.values()).backward()
    return [preds, *(weights.grad for weights in model.parameters())], sum(sizes)


@each_family
@each_kind
def test_recomputed_activations_give_the_same_gradients_to_the_bit(family: type[nn.Module], discrete: bool) -> None:
    batch = draw_batch(family, discrete)
    (kept, size), (recomputed, smaller_size) = (
        gradients(build(family, discrete, gradient_checkpointing=again, action_dropout=0.5), batch)
        for again in (False, True)
    )
    assert all(torch.equal(one, other) for one, other in zip(kept, recomputed, strict=True))
    assert smaller_size < 0.5 * size


@each_family
def test_maps_have_a_row_a_token_that_sums_to_one_and_leave_the_model_alone(family: type[nn.Module]) -> None:
    model, batch = build(family, True, context=3), draw_batch(family, True)
    before = action_preds(model, batch)
    maps = model.attention_maps(*arguments(model, batch))
    tokens = len(maps.steps)
    assert tokens == len(maps.modalities) == STEPS * len(set(maps.modalities))
    assert len(maps.layers) == 2
    for layer in maps.layers:
        assert layer.shape == (ROWS, 2, tokens, tokens)
        torch.testing.assert_close(layer.sum(-1), torch.ones(ROWS, 2, tokens))
        assert (layer[:, :, maps.steps[:, None] - maps.steps >= 3] == 0).all()
        assert (layer.triu(1) == 0).all()
    assert torch.equal(action_preds(model, batch), before)


@each_family
@each_kind
@pytest.mark.parametrize(("state_dim", "action_dim", "steps"), [(4, 1, 1), (768, 32, 7), (5, 32_000, 2)])
def test_sizes_from_the_smallest_to_the_largest(
    family: type[nn.Module], discrete: bool, state_dim: int, action_dim: int, steps: int
) -> None:
    model, batch = (
        build(family, discrete, state_dim, action_dim),
        draw_batch(family, discrete, state_dim, action_dim, steps),
    )
    assert action_preds(model, batch).shape == (*batch.mask.shape, action_dim)
    terms, _ = model.losses(batch, torch.Generator())
    sum(terms.values()).backward()
    assert all(weights.grad.isfinite().all() for weights in model.parameters() if weights.grad is not None)


@each_family
@torch.no_grad()
def test_a_row_as_long_as_they_come(family: type[nn.Module]) -> None:
    count = () if family is ActionTransformer else (COUNT,)
    model, batch = family(3, 2, 8, 1, 1, 8, 2048, True, *count, context=5), draw_batch(family, True, steps=2048)
    preds, start = action_preds(model, batch), Batch(**vars(batch) | {"seq_lens": batch.seq_lens.clamp(max=1000)})
    start = Batch(**{name: _first(values, 1000) for name, values in vars(start).items()})
    torch.testing.assert_close(action_preds(model, start), _first(preds, 1000), atol=1e-5, rtol=0)


def _first(values: Tensor | int | None, steps: int) -> Tensor | int | None:
    """The first steps of an array with an axis of 2048."""
    if not isinstance(values, Tensor) or 2048 not in values.shape:
        return values
    return values.narrow(values.shape.index(2048), 0, steps)


class Largest(TorchDispatchMode):
    """Entries of the largest tensor that any operation made."""

    entries = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **kwargs or {})
        if isinstance(made, Tensor):
            self.entries = max(self.entries, made.numel())
        return made


def test_outputs_of_all_options_are_never_side_by_side() -> None:
    family, size = HierarchicalTransformer, 5000
    model, batch = build(family, True, action_dim=size), draw_batch(family, True, action_dim=size)
    with Largest() as largest:
        action_preds(model, batch)
    assert largest.entries == size * max(16, ROWS * STEPS)  # a head's weights, or one head's outputs
