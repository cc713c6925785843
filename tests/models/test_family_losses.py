"""What a batch costs every family that the registry knows: columns, masks, weights, gradients, chance."""

import re
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor, nn

from tests.models.cases import NUM_OPTIONS, STEPS, Case, build, draw_batch, each_learning, generator
from tests.models.rows import batch_of, with_columns
from understudy.models.family import Losses
from understudy.models.registry import load_family
from understudy.sequences.batch import Batch
from understudy.sequences.columns import BATCH_COLUMNS


def means_of(model: nn.Module, batch: Batch) -> dict[str, float]:
    return {name: float(term.mean.detach()) for name, term in model.losses(batch, generator()).terms.items()}


@each_learning
def test_losses_need_the_columns_that_are_read_and_no_others(case: Case) -> None:
    model, batch = build(case), draw_batch(case)
    assert means_of(model, batch) == means_of(model, draw_batch(case, frozenset(BATCH_COLUMNS)))
    for missing in model.reads:
        columns = {name: column for name, column in batch.columns.items() if name != missing}
        with pytest.raises(ValueError, match=f"batch: expected a column '{missing}', got "):
            model.losses(replace(batch, columns=columns), generator())


@each_learning
def test_losses_have_the_shapes_that_training_relies_on(case: Case) -> None:
    batch = draw_batch(case)
    losses = build(case).losses(batch, generator())
    assert isinstance(losses, Losses) and losses.terms
    real = torch.arange(STEPS) < batch.seq_lens[:, None]
    for name, term in losses.terms.items():
        assert re.fullmatch("[a-z_]+", name)
        assert term.mean.shape == () and term.mean.isfinite(), name
        assert term.mask.shape == batch.mask.shape and term.mask.dtype == torch.bool, name
        assert term.mask.any() and not (term.mask & ~real).any(), name
        assert isinstance(term.weight, float) and term.weight >= 0, name
    if losses.predictions is not None:
        assert losses.predictions.shape == (*batch.mask.shape, case.spec.action_dim)
    if losses.row_errors is not None:
        assert losses.row_errors.shape == batch.seq_lens.shape


@each_learning
def test_the_objective_is_the_weighted_sum_and_every_term_has_its_part_in_the_gradient(case: Case) -> None:
    model, batch = build(case), draw_batch(case)
    losses = model.losses(batch, generator())
    expected = sum(term.weight * float(term.mean.detach()) for term in losses.terms.values())
    assert float(losses.objective().detach()) == pytest.approx(expected, rel=1e-5)
    weights = [each for each in model.parameters() if each.requires_grad]

    def gradient(of: Tensor) -> list[Tensor]:
        gradients = torch.autograd.grad(of, weights, retain_graph=True, allow_unused=True)
        return [torch.zeros_like(each) if one is None else one for each, one in zip(weights, gradients, strict=True)]

    parts = {name: gradient(term.mean) for name, term in losses.terms.items()}
    assert all(any((each != 0).any() for each in part) for part in parts.values())
    for number, whole in enumerate(gradient(losses.objective())):
        assert whole.isfinite().all()
        expected = sum(term.weight * parts[name][number] for name, term in losses.terms.items())
        torch.testing.assert_close(whole, expected, atol=1e-4, rtol=1e-3)


def other_padding(case: Case, batch: Batch) -> Batch:
    """The same real steps, followed by altogether different ones."""
    padded = torch.arange(STEPS) >= batch.seq_lens[:, None]

    def refill(name: str, values: Tensor) -> Tensor:
        if values.shape[:2] != padded.shape:
            return values
        where = padded if values.ndim == 2 else padded[..., None]
        if values.dtype == torch.bool:
            return values ^ where
        if values.is_floating_point():
            return torch.where(where, 50.0 - values, values)
        return torch.where(where, (values + 1) % (NUM_OPTIONS if name == "option" else case.spec.action_dim), values)

    return with_columns(batch, **{name: refill(name, values) for name, values in batch.columns.items()})


@each_learning
@torch.no_grad()
def test_padding_leaves_every_term_alone(case: Case) -> None:
    model, batch = build(case), draw_batch(case)
    other = other_padding(case, batch)
    assert all(not torch.equal(batch[name], other[name]) for name in {"observation", "label"} & batch.columns.keys())
    assert means_of(model, batch) == means_of(model, other)
    before, after = (model.losses(each, generator()) for each in (batch, other))
    if before.predictions is not None:
        assert torch.equal(before.predictions[batch.mask], after.predictions[batch.mask])


@each_learning
@torch.no_grad()
def test_parts_of_a_batch_add_up(case: Case) -> None:
    """A term's mean is over the steps of its mask, and no row knows of the others: validation counts on it."""
    model, batch = build(case), draw_batch(case)
    whole = model.losses(batch, generator())
    parts = [batch.rows(slice(start, start + case.agents)) for start in range(0, case.rows, case.agents)]
    each = [model.losses(part, generator()) for part in parts]
    for name, term in whole.terms.items():
        total = sum(float(part.terms[name].mean) * int(part.terms[name].mask.sum()) for part in each)
        assert float(term.mean) * int(term.mask.sum()) == pytest.approx(total, rel=1e-4, abs=1e-5), name
        assert torch.equal(term.mask, torch.cat([part.terms[name].mask for part in each])), name
    if whole.predictions is not None:
        together = torch.cat([part.predictions for part in each])
        torch.testing.assert_close(together[batch.mask], whole.predictions[batch.mask], atol=1e-5, rtol=1e-4)


@each_learning
@torch.no_grad()
def test_who_tells_how_wrong_a_row_is_counts_rows_by_their_weights(case: Case) -> None:
    """Replay by priorities counts on it: without weights what is drawn often would be learned as if it were usual."""
    model, batch = build(case), draw_batch(case)
    plain = model.losses(batch, generator())
    if plain.row_errors is None:
        return
    weights = torch.linspace(0.5, 2.0, case.rows)
    weighted = model.losses(replace(batch, row_weights=weights), generator())
    assert means_of(model, replace(batch, row_weights=torch.ones(case.rows))) == means_of(model, batch)
    rows = [model.losses(batch.rows(slice(row, row + 1)), generator()) for row in range(case.rows)]
    for name, term in weighted.terms.items():
        total = sum(
            float(weight) * float(row.terms[name].mean) * int(row.terms[name].mask.sum())
            for weight, row in zip(weights, rows, strict=True)
        )
        assert float(term.mean) * int(term.mask.sum()) == pytest.approx(total, rel=1e-4, abs=1e-5), name


@each_learning
@torch.no_grad()
def test_where_nothing_counts_every_term_is_zero(case: Case) -> None:
    batch = draw_batch(case)
    none = torch.zeros_like(batch.mask)
    losses = build(case).losses(replace(batch, mask=none, value_mask=none), generator())
    assert {float(term.mean) for term in losses.terms.values()} == {0.0}


@each_learning
def test_no_rows_cost_nothing(case: Case) -> None:
    """Of several processes one may get none of an epoch's last batch; it takes part in the update all the same."""
    losses = build(case).train().losses(draw_batch(case).rows(slice(0, 0)), generator())
    losses.objective().backward()
    assert {term.mean.item() for term in losses.terms.values()} == {0.0}


@each_learning
@torch.no_grad()
def test_losses_draw_one_number_a_step_or_nothing_and_from_the_given_generator_alone(case: Case) -> None:
    batch, options = draw_batch(case), getattr(load_family(case.name), "Options", None)
    drops = options is not None and "action_dropout" in {each.name for each in fields(options)}
    model = build(case, **({"action_dropout": 0.5} if drops else {})).train()
    before, given = torch.get_rng_state(), generator()
    model.losses(batch, given)
    assert torch.equal(torch.get_rng_state(), before)
    one_a_step = generator()
    torch.rand(batch.mask.shape, generator=one_a_step)
    assert [torch.equal(given.get_state(), each.get_state()) for each in (generator(), one_a_step)] == [
        not drops,
        drops,
    ]


@each_learning
@torch.no_grad()
def test_losses_of_a_model_that_is_judged_are_not_left_to_chance(case: Case) -> None:
    model, batch = build(case), draw_batch(case)
    one, other = (model.losses(batch, generator(seed)).objective() for seed in (3, 4))
    assert torch.equal(one, other)


@each_learning
@torch.no_grad()
def test_a_row_may_be_as_long_as_the_family_says(case: Case) -> None:
    model = build(case)
    assert model.max_seq_len is None or (isinstance(model.max_seq_len, int) and model.max_seq_len >= STEPS)
    batch, repeats = draw_batch(case), 10 if model.max_seq_len is None else -(-model.max_seq_len // STEPS)
    longest = model.max_seq_len or repeats * STEPS
    columns = {
        name: values.repeat(1, repeats, *[1] * (values.ndim - 2))[:, :longest]
        if values.shape[1:2] == (STEPS,)
        else values
        for name, values in batch.columns.items()
    }
    long = batch_of(torch.full((case.rows,), longest), num_agents=case.agents, **columns)
    assert long.mask.shape == (case.rows, longest)
    assert model.losses(long, generator()).objective().isfinite()


@each_learning
def test_a_step_of_training_ends_with_a_call_that_gives_nothing_back(case: Case) -> None:
    assert build(case).after_update() is None
