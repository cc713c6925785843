"""What every family is held to, and every demonstrator as far as it plays: each test runs over all that the registry knows.

A family is built as the pipeline builds it, from a block of parameters and an interface, and is given batches of random columns
and rows of random steps. What only some families promise stands in their own tests and in tests/contracts.
"""

import inspect
import re
from dataclasses import dataclass, fields, is_dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from tests.builders import CHOICES, SEVERAL_CHOICES, SEVERAL_VECTORS, VECTORS
from tests.models.rows import batch_of, roll_out, steps_of, with_columns
from tests.toys import CONFIGS, tiny_interface
from understudy.models.family import Family, Losses, LossTerm, Player
from understudy.models.registry import DEMONSTRATORS, family_names, load_family
from understudy.nn.cache import RowMemory
from understudy.policies.build import build_model, check_play
from understudy.sequences.batch import Batch
from understudy.sequences.columns import BATCH_COLUMNS
from understudy.spec import EnvironmentSpec
from understudy.step import Decision

SPREAD = EnvironmentSpec("simple_spread", {}, tuple(f"x{i}" for i in range(14)), 5, None, None, None, num_agents=3)
FORCES = replace(SPREAD, num_actions=None, action_low=(0.0,) * 5, action_high=(1.0,) * 5)
SCRIPT = {"stopping_distance": 0.5, "tolerance": 0.1}
ENVIRONMENTS, STEPS, NUM_OPTIONS = 3, 7, 3


@dataclass(frozen=True)
class Case:
    """A family or demonstrator and what it acts in."""

    name: str
    spec: EnvironmentSpec

    @property
    def agents(self) -> int:
        return self.spec.num_agents

    @property
    def rows(self) -> int:
        return ENVIRONMENTS * self.agents

    @property
    def varies(self) -> bool:
        """Whether actions can be drawn: a script leaves nothing to chance, nor does an expert of vectors."""
        return self.name not in DEMONSTRATORS or (self.name == "expert" and self.spec.discrete_actions)

    def __str__(self) -> str:
        kind = "choices" if self.spec.discrete_actions else "vectors"
        return f"{self.name}-{kind}-of-{self.agents}"


LEARNING = [
    Case(name, spec) for name in family_names() for spec in (CHOICES, VECTORS, SEVERAL_CHOICES, SEVERAL_VECTORS)
]
PLAYING = [
    *LEARNING,
    *(Case("expert", spec) for spec in (CHOICES, VECTORS)),
    *(Case("scripted", spec) for spec in (SPREAD, FORCES)),
]
each_family = pytest.mark.parametrize("name", family_names())
each_player = pytest.mark.parametrize("name", [*family_names(), *DEMONSTRATORS])
each_learning = pytest.mark.parametrize("case", LEARNING, ids=str)
each_playing = pytest.mark.parametrize("case", PLAYING, ids=str)


def build(case: Case, seed: int = 0, **config) -> nn.Module:
    """A model with weights large enough that its actions depend on all that it is told."""
    torch.manual_seed(seed)
    config = (SCRIPT if case.name == "scripted" else CONFIGS[case.name]) | config
    model = build_model(case.name, config, tiny_interface(case.spec, num_options=NUM_OPTIONS), case.name)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.add_(torch.randn_like(weights), alpha=0.4)
    return model.eval()


def draw_actions(spec: EnvironmentSpec, *shape: int) -> Tensor:
    return (
        torch.randint(spec.action_dim, shape) if spec.discrete_actions else 2 * torch.rand(*shape, spec.action_dim) - 1
    )


def draw_batch(case: Case, names: frozenset[str] | None = None) -> Batch:
    """Random columns of these names, None for those that the family reads, of environments of 7, 4 and 1 steps.

    The first step of the first one does not count, and the returns of the second are not known.
    """
    torch.manual_seed(1)
    rows, state_dim = case.rows, case.spec.state_dim
    seq_lens = torch.tensor([7, 4, 1]).repeat_interleave(case.agents)
    environment = torch.arange(ENVIRONMENTS).repeat_interleave(case.agents)[:, None]
    mask = (torch.arange(STEPS) < seq_lens[:, None]) & ((environment != 0) | (torch.arange(STEPS) > 0))
    columns = {
        "observation": torch.randn(rows, STEPS, state_dim),
        "action": draw_actions(case.spec, rows, STEPS),
        "label": draw_actions(case.spec, rows, STEPS),
        "reward": torch.randn(rows, STEPS),
        "return_to_go": torch.randn(rows, STEPS),
        "terminated": torch.arange(STEPS) == seq_lens[:, None] - 1,
        "final_observation": torch.randn(rows, state_dim),
        "agent": torch.arange(case.agents).repeat(ENVIRONMENTS),
        "option": torch.randint(NUM_OPTIONS, (rows, STEPS)),
        "termination": torch.rand(rows, STEPS) < 0.4,
    }
    assert columns.keys() == set(BATCH_COLUMNS)
    names = load_family(case.name).reads if names is None else names
    known = mask & (environment != 1)
    batch = batch_of(seq_lens, mask=mask, value_mask=known, num_agents=case.agents, **columns)
    return replace(batch, columns={name: column for name, column in columns.items() if name in names})


def draw_steps(case: Case, steps: int = STEPS, seed: int = 2) -> tuple[Tensor, Tensor]:
    """Observations (B, T, S) and executed actions (B, T, ...)."""
    torch.manual_seed(seed)
    return torch.randn(case.rows, steps, case.spec.state_dim), draw_actions(case.spec, case.rows, steps)


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tensors_of(decision: Decision) -> list[Tensor]:
    return [part for part in vars(decision).values() if part is not None]


def assert_close(one: Decision, other: Decision) -> None:
    for part, same in zip(tensors_of(one), tensors_of(other), strict=True):
        torch.testing.assert_close(part, same, atol=1e-5, rtol=1e-5)


# Losses


def test_the_objective_is_the_weighted_sum_of_the_means() -> None:
    mask = torch.ones(1, 1, dtype=torch.bool)
    means = torch.tensor([2.0, 3.0, 5.0], requires_grad=True)
    terms = {
        "action": LossTerm(means[0], mask),
        "value": LossTerm(means[1], mask, 0.5),
        "off": LossTerm(means[2], mask, 0),
    }
    objective = Losses(terms).objective()
    objective.backward()
    assert objective.shape == ()
    assert objective.item() == 2.0 + 0.5 * 3.0
    assert means.grad.tolist() == [1.0, 0.5, 0.0]


def test_a_single_term_is_an_objective() -> None:
    assert Losses({"action": LossTerm(torch.tensor(4.0), torch.ones(1, 1) > 0)}).objective().item() == 4.0


# What a class says of itself


def members(protocol: type) -> dict[str, object]:
    """The public members of a protocol, without those that it takes over: functions, or None for attributes."""
    names = [*vars(protocol), *inspect.get_annotations(protocol)]
    return {name: vars(protocol).get(name) for name in names if not name.startswith("_")}


def test_the_protocols_have_the_members_that_are_looked_for_here() -> None:
    assert {"variants", "begin", "act", "set_compute_dtype"} <= members(Player).keys()
    assert {"reads", "max_seq_len", "losses", "after_update"} <= members(Family).keys()


@pytest.mark.parametrize(
    ("name", "protocol"),
    [(name, Player) for name in (*family_names(), *DEMONSTRATORS)] + [(name, Family) for name in family_names()],
)
def test_every_member_of_the_protocol_is_there_and_takes_what_it_should(name: str, protocol: type) -> None:
    family = load_family(name)
    spec = SPREAD if name == "scripted" else CHOICES
    model = build(Case(name, spec))
    for member, function in members(protocol).items():
        assert hasattr(model, member), member
        if function is None or member in vars(nn.Module):
            continue
        asked, offered = (
            list(inspect.signature(each).parameters.values()) for each in (function, getattr(family, member))
        )
        assert [each.name for each in offered[: len(asked)]] == [each.name for each in asked], member
        assert [each.default for each in offered[: len(asked)]] == [each.default for each in asked], member
        for further in offered[len(asked) :]:
            assert member == "begin" and further.kind is inspect.Parameter.KEYWORD_ONLY, (member, further)
            assert further.default is not inspect.Parameter.empty, further


@each_family
def test_what_is_read_are_columns_of_a_batch(name: str) -> None:
    reads = load_family(name).reads
    assert isinstance(reads, frozenset)
    assert reads <= set(BATCH_COLUMNS)
    assert reads


@each_player
def test_variants_are_ways_to_play(name: str) -> None:
    for variant, settings in load_family(name).variants.items():
        assert re.fullmatch("[a-z_]+", variant)
        check_play(name, settings, name)
    check_play(name, {}, name)


@each_learning
def test_every_variant_plays(case: Case) -> None:
    model = build(case)
    for settings in model.variants.values():
        decision = model.act(model.begin(case.rows, **settings), next(steps_of(*draw_steps(case))))
        assert len(decision.actions) == case.rows


def documented(docstring: str, section: str) -> set[str]:
    """The names in a section of a docstring, one a line, or several between commas."""
    lines = inspect.cleandoc(docstring).splitlines()
    start = lines.index(f"{section}:") + 1
    end = next((number for number in range(start, len(lines)) if not lines[number].startswith(" ")), len(lines))
    return {line.strip().split(":")[0] for line in lines[start:end] if re.match(r" {4}\w+: ", line)}


@each_player
def test_every_argument_of_the_constructor_has_a_line_of_its_own_in_the_docstring(name: str) -> None:
    family = load_family(name)
    assert documented(family.__doc__, "Args") == inspect.signature(family).parameters.keys()


@each_family
def test_options_are_a_dataclass_whose_fields_are_documented(name: str) -> None:
    family = load_family(name)
    kinds = {each.kind for each in inspect.signature(family).parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        assert is_dataclass(family.Options)
        assert documented(family.Options.__doc__, "Attributes") == {each.name for each in fields(family.Options)}


# What a batch costs


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
    assert all(not torch.equal(batch[name], other[name]) for name in ("observation", "label"))
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
def test_where_nothing_counts_every_term_is_zero(case: Case) -> None:
    batch = draw_batch(case)
    none = torch.zeros_like(batch.mask)
    losses = build(case).losses(replace(batch, mask=none, value_mask=none), generator())
    assert {float(term.mean) for term in losses.terms.values()} == {0.0}


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


# Playing


@each_playing
def test_a_memory_begins_empty(case: Case) -> None:
    memory = build(case).begin(case.rows)
    assert isinstance(memory, RowMemory)
    assert memory.num_rows == case.rows
    assert all(len(values) == case.rows and not values.any() for values in memory.tensors.values())
    assert memory.seeds.tolist() == [0] * case.rows


@each_playing
@torch.inference_mode()
def test_decisions_have_a_row_each_and_are_of_the_tasks_kind(case: Case) -> None:
    model, shape = build(case), (case.rows, case.spec.action_dim)
    memory = model.begin(case.rows)
    for step in steps_of(*draw_steps(case)):
        for given in (None, generator()):
            decision = model.act(memory, step, given)
            if case.spec.discrete_actions:
                assert decision.actions.shape == (case.rows,) and decision.actions.dtype == torch.int64
                assert 0 <= int(decision.actions.min()) and int(decision.actions.max()) < case.spec.action_dim
            else:
                assert decision.actions.shape == shape and decision.actions.dtype == torch.float32
                assert decision.actions.isfinite().all()
            if decision.options is not None:
                assert decision.options.shape == (case.rows,) and decision.options.dtype == torch.int64
                assert 0 <= int(decision.options.min()) and int(decision.options.max()) < NUM_OPTIONS
            if decision.predictions is not None:
                assert decision.predictions.shape == shape and decision.predictions.dtype == torch.float32


@each_playing
@torch.inference_mode()
def test_without_a_generator_the_likeliest_actions_are_decided_again_and_again(case: Case) -> None:
    model, rows = build(case), draw_steps(case)
    before = torch.get_rng_state()
    one, other = (roll_out(model, model.begin(case.rows), *rows) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(part, same) for part, same in zip(tensors_of(one), tensors_of(other), strict=True))
    if one.predictions is not None:
        likeliest = one.predictions.argmax(-1) if case.spec.discrete_actions else one.predictions
        assert torch.equal(one.actions, likeliest)


@each_playing
@torch.inference_mode()
def test_actions_are_drawn_from_the_given_generator_alone(case: Case) -> None:
    model, rows = build(case), draw_steps(case)
    before = torch.get_rng_state()
    one, same, other = (roll_out(model, model.begin(case.rows), *rows, generator(seed)).actions for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, same)
    assert torch.equal(one, other) != case.varies


@each_learning
@torch.inference_mode()
def test_an_episode_may_be_longer_than_any_row_of_training(case: Case) -> None:
    model = build(case)
    decided = roll_out(model, model.begin(case.rows), *draw_steps(case, 40))
    assert all(part.isfinite().all() for part in tensors_of(decided))


def environments(case: Case, *numbers: int) -> Tensor:
    """The rows of these environments."""
    return torch.cat([torch.arange(case.agents) + number * case.agents for number in numbers])


@each_playing
@torch.inference_mode()
def test_rows_play_as_if_they_were_alone(case: Case) -> None:
    model, (observations, executed) = build(case), draw_steps(case)
    together = roll_out(model, model.begin(case.rows), observations, executed)
    for number in range(ENVIRONMENTS):
        own = environments(case, number)
        alone = roll_out(model, model.begin(case.agents), observations[own], executed[own])
        assert_close(alone, Decision(*(None if part is None else part[own] for part in vars(together).values())))


@each_playing
@torch.inference_mode()
def test_rows_that_begin_again_forget_and_the_others_go_on(case: Case) -> None:
    model, (observations, executed) = build(case), draw_steps(case)
    undisturbed = roll_out(model, model.begin(case.rows), observations, executed)
    memory, again, decisions = model.begin(case.rows), environments(case, 0, 2), []
    for time, step in enumerate(steps_of(observations, executed)):
        if time == 4:
            memory.reset(again, torch.arange(len(again)))
            step.is_first[again] = True
            step.previous_action[again] = 0
        decisions.append(model.act(memory, step))
    fresh = roll_out(model, model.begin(case.rows), observations[:, 4:], executed[:, 4:])
    for time, decision in enumerate(decisions):
        expected = Decision(*(None if part is None else part[:, time].clone() for part in vars(undisturbed).values()))
        if time >= 4:
            for part, begun in zip(tensors_of(expected), tensors_of(fresh), strict=True):
                part[again] = begun[again, time - 4]
        assert_close(decision, expected)


@each_playing
@torch.inference_mode()
def test_rows_that_are_kept_go_on_in_the_order_asked_for(case: Case) -> None:
    model, (observations, executed) = build(case), draw_steps(case)
    undisturbed = roll_out(model, model.begin(case.rows), observations, executed)
    memory, kept = model.begin(case.rows), environments(case, 2, 0)
    for time, step in enumerate(steps_of(observations, executed)):
        if time == 4:
            memory.keep(kept)
            assert memory.num_rows == len(kept)
        if time >= 4:
            step = type(step)(*(part[kept] for part in vars(step).values()))
        decision = model.act(memory, step)
        rows = kept if time >= 4 else torch.arange(case.rows)
        assert_close(
            decision, Decision(*(None if part is None else part[rows, time] for part in vars(undisturbed).values()))
        )


@each_learning
@torch.inference_mode()
def test_playing_in_bfloat16_decides_in_float32(case: Case) -> None:
    model, rows = build(case), draw_steps(case)
    exact = roll_out(model, model.begin(case.rows), *rows)
    model.set_compute_dtype(torch.bfloat16)
    rounded = roll_out(model, model.begin(case.rows), *rows)
    assert [part.dtype for part in tensors_of(rounded)] == [part.dtype for part in tensors_of(exact)]
    assert all(part.isfinite().all() for part in tensors_of(rounded))


# Weights


@each_playing
@torch.inference_mode()
def test_weights_are_all_that_a_trained_model_needs(case: Case) -> None:
    one, other, rows = build(case, seed=0), build(case, seed=1), draw_steps(case)
    saved = {name: tensor.clone() for name, tensor in one.state_dict().items()}
    other.load_state_dict(saved)
    decided, same = (roll_out(model, model.begin(case.rows), *rows) for model in (one, other))
    assert all(torch.equal(part, its) for part, its in zip(tensors_of(decided), tensors_of(same), strict=True))


@each_learning
def test_a_seed_gives_the_same_weights(case: Case) -> None:
    one, same, other = (build(case, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)
