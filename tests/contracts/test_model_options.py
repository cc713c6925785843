"""What every family offers beside its tokens: losses and their weights, recomputed activations, maps, and sizes."""

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode

from tests.models.rows import batch_of, steps_of
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
    columns = {"observation": torch.randn(*mask.shape, state_dim), "action": actions, "label": actions}
    columns |= {"return_to_go": torch.randn(mask.shape), "option": torch.randint(COUNT, mask.shape)}
    return batch_of(seq_lens, num_agents=agents, **columns, termination=columns["option"] == 0)


def arguments(model: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
    """What `forward` takes."""
    if isinstance(model, HierarchicalTransformer):
        return batch["observation"], batch["action"], batch["option"], batch.seq_lens
    if isinstance(model, MultiAgentTransformer):
        states, actions, lengths = (
            each.unflatten(0, (-1, COUNT)) for each in (batch["observation"], batch["action"], batch.seq_lens)
        )
        return states, torch.arange(COUNT).expand(lengths.shape), actions, lengths, lengths > 0
    return batch["observation"], batch["action"], batch.seq_lens


def action_preds(model: nn.Module, batch: Batch) -> Tensor:
    preds = model(*arguments(model, batch))[1 if isinstance(model, HierarchicalTransformer) else 0]
    return preds.flatten(0, 1) if isinstance(model, MultiAgentTransformer) else preds


@pytest.mark.parametrize("family", (*FAMILIES, MultilayerPerceptron), ids=lambda family: family.__name__)
@torch.no_grad()
def test_action_vectors_may_be_learned_by_squared_error(family: type[nn.Module]) -> None:
    model, batch = build(family, False, continuous_loss="mse"), draw_batch(family, False)
    losses = model.losses(batch, torch.Generator())
    errors = (losses.predictions - batch["label"]).square()[batch.mask]
    torch.testing.assert_close(losses.terms["action"].mean, errors.mean())
    step, generator = next(steps_of(torch.randn(2 * COUNT, 1, 3), torch.zeros(2 * COUNT, 1, 2))), torch.Generator()
    before = generator.get_state()
    decision = model.act(model.begin(2 * COUNT), step, generator)
    assert decision.actions.shape == (2 * COUNT, 2)
    assert torch.equal(decision.actions, decision.predictions)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("family", (*FAMILIES, MultilayerPerceptron), ids=lambda family: family.__name__)
def test_an_unknown_loss_is_refused(family: type[nn.Module]) -> None:
    with pytest.raises(ValueError, match="continuous_loss: expected one of nll, mse, similarity, got 'huber'"):
        build(family, False, continuous_loss="huber")


@pytest.mark.parametrize("family", (*FAMILIES, MultilayerPerceptron), ids=lambda family: family.__name__)
def test_the_values_weight_is_the_models(family: type[nn.Module]) -> None:
    """It scales the value's gradient and nothing else."""
    batch, gradients = draw_batch(family, True), {}
    for weight in (0.0, 0.5, 2.0):
        model = build(family, True, value_weight=weight)
        losses = model.losses(batch, torch.Generator())
        assert {name: term.weight for name, term in losses.terms.items() if term.weight != 1} == {"value": weight}
        losses.objective().backward()
        gradients[weight] = (
            model.value_head.predict.weight.grad.clone(),
            model.action_head.predict.weight.grad.clone(),
        )
    assert (gradients[0.0][0] == 0).all()
    torch.testing.assert_close(gradients[2.0][0], 4 * gradients[0.5][0])
    assert torch.equal(gradients[2.0][1], gradients[0.5][1])
    assert (gradients[0.5][1] != 0).any()


@pytest.mark.parametrize("family", (*FAMILIES, MultilayerPerceptron), ids=lambda family: family.__name__)
def test_a_value_does_not_count_unless_told_otherwise_more_than_a_tenth(family: type[nn.Module]) -> None:
    terms = build(family, True).losses(draw_batch(family, True), torch.Generator()).terms
    assert terms["value"].weight == 0.1


@each_family
@torch.no_grad()
def test_a_usual_change_of_a_state_counts_as_one(family: type[nn.Module]) -> None:
    """So a model that knows the size predicts as one that does not, whose weights of changes are less by it."""
    sizes, batch = [[0.5, 2.0, 8.0], [0.25, 4.0, 1.0]], draw_batch(family, True)
    model = build(family, True, state_differences=2, difference_scale=sizes)
    plain = build(family, True, state_differences=2)
    assert not torch.allclose(action_preds(plain, batch), action_preds(model, batch), atol=1e-4)
    plain.embed_state.project.weight[:, 3:] /= torch.tensor(sizes).flatten()
    torch.testing.assert_close(action_preds(plain, batch), action_preds(model, batch), atol=1e-5, rtol=0)


@each_family
def test_a_format_is_that_of_the_trunks_matrices_and_of_its_cache_alone(family: type[nn.Module]) -> None:
    model = build(family, True)
    model.set_compute_dtype(torch.bfloat16)
    in_bfloat16 = {name for name, weights in model.named_parameters() if weights.dtype == torch.bfloat16}
    linear = (name for name, module in model.named_modules() if isinstance(module, nn.Linear))
    matrices = tuple(f"{name}." for name in linear if name.startswith("trunk."))
    assert matrices and in_bfloat16 == {name for name, _ in model.named_parameters() if name.startswith(matrices)}
    assert {layer.ring.dtype for layer in model.begin(2 * COUNT).cache.layers} == {torch.bfloat16}


def gradients(model: nn.Module, batch: Batch) -> tuple[list[Tensor], int]:
    """Predictions and gradients, and how many entries were kept for them."""
    sizes: list[int] = []
    with saved_tensors_hooks(lambda saved: sizes.append(saved.numel()) or saved, lambda saved: saved):
        losses = model.train().losses(batch, torch.Generator().manual_seed(2))
    losses.objective().backward()
    return [losses.predictions, *(weights.grad for weights in model.parameters())], sum(sizes)


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
    model.losses(batch, torch.Generator()).objective().backward()
    assert all(weights.grad.isfinite().all() for weights in model.parameters() if weights.grad is not None)


@each_family
@torch.no_grad()
def test_a_row_as_long_as_they_come(family: type[nn.Module]) -> None:
    count = () if family is ActionTransformer else (COUNT,)
    model, batch = family(3, 2, 8, 1, 1, 8, 2048, True, *count, context=5), draw_batch(family, True, steps=2048)
    columns = {name: column[:, :1000] for name, column in batch.columns.items()}
    start = batch_of(batch.seq_lens.clamp(max=1000), num_agents=batch.num_agents, **columns)
    torch.testing.assert_close(action_preds(model, start), action_preds(model, batch)[:, :1000], atol=1e-5, rtol=0)


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
