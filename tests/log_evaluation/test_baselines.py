"""Baselines on runs whose rule is known."""

import numpy as np
import pytest

from understudy.log_evaluation.baselines import Steps, predict_baselines
from understudy.log_evaluation.metrics import right_choices
from understudy.log_evaluation.runs import JudgedRuns
from understudy.params.log_evaluation import LogEvaluationParams

PARAMS = LogEvaluationParams(
    seed=0,
    resamples=1,
    confidence=0.9,
    precision=0.9,
    regularisation=[1e-6, 1.0],
    neighbours=[1, 400],
    baseline="bigram",
    success_baseline="run_length",
    forest_trees=20,
    forest_leaf=5,
    longest_loop=3,
    odd_steps=5,
)


def runs(sequences, outcomes):
    labels = np.concatenate(sequences)
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in sequences])])
    choices = ("reply", "finish", "a", "b", "another")
    return JudgedRuns(choices, labels, offsets, np.arange(len(sequences)), tuple("x" * len(sequences)), outcomes)


def steps(seed, observed=True):
    """a b a reply | b a b finish: the first choice is drawn and can be seen; long runs fail."""
    generator = np.random.default_rng(seed)
    drawn = generator.random(60) < 0.4
    sequences = [np.array([3, 2, 3, 1] if each else [2, 3, 2, 0, 0]) for each in drawn]
    judged = runs(sequences, drawn.astype(float))
    seen = generator.normal(size=(len(judged.labels), 3))
    seen[judged.offsets[:-1], 0] += np.where(drawn, 20, -20) if observed else 0
    return Steps(seen.astype(np.float32), judged)


@pytest.fixture(scope="module")
def found():
    others = {"validation": steps(1), "test": steps(2)}
    return predict_baselines(steps(0), others, PARAMS), others["test"].runs


def accuracy(found, name):
    told, judged = found
    return right_choices(told[name]["test"].logits, judged)


def test_all_are_there(found):
    assert list(found[0]) == ["majority", "bigram", "four_gram", "neighbours", "logistic", "run_length", "history"]
    assert all(set(told) == {"validation", "test"} for told in found[0].values())


def test_the_majority_is_one_choice(found):
    logits = found[0]["majority"]["test"].logits
    assert set(logits.argmax(axis=1)) == {2}


def test_a_bigram_knows_what_follows_and_a_four_gram_more(found):
    _, judged = found
    first = np.isin(np.arange(len(judged.labels)), judged.offsets[:-1])
    bigram, four_gram = accuracy(found, "bigram"), accuracy(found, "four_gram")
    assert not bigram[~first].all()
    assert four_gram[~first].all()  # three choices before tell which run it is, and where in it


def test_logistic_regression_sees_the_observation(found):
    _, judged = found
    assert accuracy(found, "logistic")[judged.offsets[:-1]].all()
    assert not accuracy(found, "four_gram")[judged.offsets[:-1]].all()


def test_what_is_left_open_is_chosen_on_the_held_out_runs(found):
    assert accuracy(found, "neighbours").mean() > 0.7  # 400 neighbours are nearly the majority
    assert accuracy(found, "logistic").mean() > 0.7  # so weak a strength as 1e-6 is the majority


def test_the_length_of_a_run_tells_of_its_success(found):
    told, judged = found
    values = told["run_length"]["test"].values
    last = judged.offsets[1:] - 1
    assert values[last][judged.outcomes == 0].max() < values[last][judged.outcomes == 1].min()
    assert told["majority"]["test"].values is None


def test_the_run_so_far_tells_of_its_success(found):
    told, judged = found
    values = told["history"]["test"].values[judged.offsets[:-1]]
    assert (
        values[judged.outcomes == 0].max() < values[judged.outcomes == 1].min()
    )  # by what is seen, when all are as long
    assert told["history"]["validation"].values.dtype == np.float32


def test_an_unseen_history_falls_back_to_a_shorter_one():
    training = Steps(np.zeros((3, 1), np.float32), runs([np.array([2, 3, 2])], np.ones(1)))
    other = Steps(np.zeros((3, 1), np.float32), runs([np.array([1, 2, 3])], np.ones(1)))
    told = predict_baselines(
        training, {"validation": other, "test": other}, PARAMS.model_copy(update={"neighbours": [1]})
    )
    assert told["four_gram"]["test"].logits.argmax(axis=1).tolist() == [
        2,
        2,
        3,
    ]  # start: a; after finish: majority; after a: b
    assert told["logistic"]["test"].values is None
