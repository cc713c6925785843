"""What every family says of itself, and every demonstrator as far as it plays: each test runs over all that the registry knows.

What their batches cost stands in test_family_losses.py, how they play in test_family_playing.py; what only some promise stands
in their own tests and in tests/contracts.
"""

import inspect
import re
from dataclasses import fields, is_dataclass

import pytest
import torch
from torch import nn

from tests.builders import CHOICES
from tests.models.cases import SPREAD, Case, build, draw_steps, each_learning, each_playing, tensors_of
from tests.models.rows import roll_out, steps_of
from understudy.models.family import Family, Losses, LossTerm, Player
from understudy.models.registry import DEMONSTRATORS, family_names, load_family
from understudy.policies.build import check_play
from understudy.sequences.columns import BATCH_COLUMNS

each_family = pytest.mark.parametrize("name", family_names())
each_player = pytest.mark.parametrize("name", [*family_names(), *DEMONSTRATORS])


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
    assert {"reads", "max_seq_len", "fit", "losses", "after_update"} <= members(Family).keys()


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
        check_play(name, settings, f"{name}.play")
    check_play(name, {}, f"{name}.play")


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
def test_a_family_that_asks_for_tasks_takes_weights_by_them_and_no_other_does(name: str) -> None:
    learns_tasks = "tasks" in inspect.signature(load_family(name)).parameters
    assert learns_tasks == ("take_weights" in vars(load_family(name)))


@each_family
def test_options_are_a_dataclass_whose_fields_are_documented(name: str) -> None:
    family = load_family(name)
    kinds = {each.kind for each in inspect.signature(family).parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        assert is_dataclass(family.Options)
        documented_here = [
            documented(each.__doc__, "Attributes") for each in family.Options.__mro__ if is_dataclass(each)
        ]
        assert set().union(*documented_here) == {each.name for each in fields(family.Options)}


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
