"""The next setting is a function of the trials so far; a trial is given up by the losses of others at the same step."""

import random

import pytest

from tests.search.projects import BLOCK
from understudy.params.search import SearchParams
from understudy.search.sampler import Pruner, importances, next_values
from understudy.search.trial import COMPLETE, FAILED, PRUNED, Trial

SPACE = {
    "rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "width": {"low": 4, "high": 64},
    "even": {"low": 2, "high": 8, "step": 2},
    "share": {"low": 0, "high": 1.0},
    "kind": {"choices": [None, "auto", 1]},
}
FIRST = {"rate": 1e-3, "width": 16, "even": 4, "share": 0.5, "kind": "auto"}


def search(sampler="tpe", **changes):
    return SearchParams(**(BLOCK | {"sampler": sampler, "space": SPACE, "startup_trials": 3} | changes))


def tried(how, count, all_finish=False):
    """Trials whose value is best for wide ones; without `all_finish` every fourth is given up and every fifth failed."""
    trials = []
    for number in range(count):
        values = next_values(how, trials, {key: FIRST[key] for key in how.space})
        value = float(values["width"])
        state = PRUNED if number % 4 == 3 else FAILED if number % 5 == 4 else COMPLETE
        state = COMPLETE if all_finish else state
        trials.append(
            Trial(values, state, value if state == COMPLETE else None, [(3, -value)] if state != FAILED else [])
        )
    return trials


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_the_next_values_are_a_function_of_the_trials(sampler):
    how = search(sampler)
    trials = tried(how, 6)
    random.seed(1)
    again = [next_values(how, trials[:number], FIRST) for number in (5, 2)]
    assert again == [trials[5].values, trials[2].values]
    assert trials[0].values == FIRST
    assert next_values(search(sampler, seed=1), trials[:2], FIRST) != again[1]


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_values_lie_within_their_ranges_and_have_few_digits(sampler):
    for each in tried(search(sampler), 5)[1:]:
        values = each.values
        assert 1e-4 <= values["rate"] <= 1e-1 and float(f"{values['rate']:.4g}") == values["rate"]
        assert isinstance(values["width"], int) and 4 <= values["width"] <= 64
        assert values["even"] in (2, 4, 6, 8)
        assert isinstance(values["share"], float) and 0 <= values["share"] <= 1
        assert values["kind"] in (None, "auto", 1)


@pytest.mark.parametrize(("sampler", "count"), [("tpe", 40), ("gp", 10)])
def test_a_sampler_learns_from_the_trials(sampler, count):
    how = search(sampler, space={"width": SPACE["width"]})
    values = [each.values["width"] for each in tried(how, count, all_finish=True)]
    assert sum(values[-4:]) / 4 > 50  # 34 without what is known


def test_a_process_does_not_propose_again_what_was_given_up():
    how = search("gp", space={"rate": SPACE["rate"]})
    trials = [
        Trial({"rate": 0.001}, COMPLETE, 9.0),
        Trial({"rate": 0.01}, COMPLETE, 9.0),
        Trial({"rate": 0.1}, COMPLETE, 1.0),
    ]
    for _ in range(3):
        trials.append(Trial(next_values(how, trials, {}), PRUNED))
    assert len({each.values["rate"] for each in trials}) == 6


def pruner(*losses, **changes):
    """A pruner after trials with these validation losses at steps 10 and 20."""
    pruning = {"percentile": 50.0, "startup_trials": 3, "warmup_steps": 20}
    trials = [Trial(FIRST, COMPLETE, 0.0, [(10, loss), (20, loss)]) for loss in losses]
    return Pruner(search(**({"pruning": pruning} | changes)), trials, FIRST)


@pytest.mark.parametrize("objective", ["return", "validation_loss"])
def test_a_trial_is_given_up_where_it_is_worse_than_the_median_whatever_the_objective(objective):
    for loss, given_up in ((2.1, True), (1.9, False)):
        one = pruner(1.0, 2.0, 3.0, objective=objective)
        assert not one.gives_up(10, 9.0)  # which is before the warm-up
        assert one.gives_up(20, loss) == given_up


def test_a_trial_is_not_given_up_before_enough_others_or_where_nothing_is():
    assert not pruner(1.0, 2.0).gives_up(20, 9.0)
    assert not pruner(1.0, 2.0, 3.0, pruning=None).gives_up(20, 9.0)


def test_what_the_objective_follows_is_important():
    shares = importances(search(), tried(search(startup_trials=12), 12))
    assert max(shares, key=shares.get) == "width"
    assert sum(shares.values()) == pytest.approx(1)
    assert importances(search(), tried(search(), 1)) == {}
