"""The demonstrator's section: the chosen algorithm has its block, and sets the seeds."""

import copy

import pytest

from tests.builders import PARAMETERS, parameters_text, refused
from tests.params.test_load import load_text
from understudy.errors import ParameterError
from understudy.params.expert import ExpertParams

ALGORITHMS = ("ppo", "a2c", "sac", "td3", "scripted")


def load_expert(folder, changes: dict[str, str], without: tuple[str, ...] = ()) -> ExpertParams:
    content = copy.deepcopy(PARAMETERS)
    for algorithm in without:
        del content["expert"][algorithm]
    return load_text(folder, parameters_text(changes, content), {"expert": ExpertParams})["expert"]


@pytest.mark.parametrize(("algorithm", "environments"), [("ppo", 7), ("a2c", 8), ("sac", 1), ("td3", 2)])
def test_the_chosen_algorithm_sets_the_seeds(tmp_path, algorithm, environments):
    changes = {"expert.algorithm": algorithm, "expert.seed": "50"}
    changes |= {f"expert.{algorithm}.num_environments": str(environments)}
    assert load_expert(tmp_path, changes).seeds == range(50, 50 + environments)


def test_a_script_is_not_trained_and_needs_no_seeds(tmp_path):
    assert len(load_expert(tmp_path, {"expert.algorithm": "scripted", "expert.seed": "50"}).seeds) == 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_only_the_chosen_algorithm_s_block_is_needed(tmp_path, algorithm):
    others = tuple(other for other in ALGORITHMS if other != algorithm)
    expert = load_expert(tmp_path, {"expert.algorithm": algorithm}, without=others)
    assert expert.hyperparameters.model_dump() == PARAMETERS["expert"][algorithm]
    assert [getattr(expert, other) for other in others] == [None] * 4


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_chosen_algorithm_s_block_is_needed(tmp_path, algorithm):
    with refused(ParameterError, f"expert.{algorithm}: expected the block of the chosen algorithm, got none"):
        load_expert(tmp_path, {"expert.algorithm": algorithm}, without=(algorithm,))


def test_a_mistake_in_another_algorithm_s_block_is_one_too(tmp_path):
    with refused(ParameterError, "expert.sac.tau: expected", "less than or equal to 1, got 2"):
        load_expert(tmp_path, {"expert.algorithm": "ppo", "expert.sac.tau": "2"})


def test_a_rollout_of_a_single_step_is_refused(tmp_path):
    changes = {"expert.algorithm": "ppo", "expert.ppo.n_steps": "1", "expert.ppo.num_environments": "1"}
    with refused(
        ParameterError, "expert.ppo.n_steps: expected at least 2 steps a rollout over all environments, got 1"
    ):
        load_expert(tmp_path, changes)
    changes |= {"expert.ppo.num_environments": "2", "expert.ppo.batch_size": "2"}
    assert load_expert(tmp_path, changes).ppo.n_steps == 1


@pytest.mark.parametrize("batch_size", ["100", "16384"])
def test_mini_batches_of_unequal_size_are_refused(tmp_path, batch_size):
    with refused(
        ParameterError,
        f"expert.ppo.batch_size: expected a divisor of num_environments * n_steps = 8192, got {batch_size}",
    ):
        load_expert(tmp_path, {"expert.algorithm": "ppo", "expert.ppo.batch_size": batch_size})


def test_snapshots_are_shares_of_a_training(tmp_path):
    assert load_expert(tmp_path, {"expert.snapshots": "[0.1, 0.5]"}).snapshots == [0.1, 0.5]
    for shares, sentence in (
        ("[0.0]", "greater than 0"),
        ("[1.0]", "less than 1"),
        ("[0.1, 0.1]", "expert.snapshots: expected each share once"),
    ):
        with refused(ParameterError, "expert.snapshots", sentence):
            load_expert(tmp_path, {"expert.snapshots": shares})
    with refused(ParameterError, "expert.snapshots: expected none of scripted, which is not trained, got some"):
        load_expert(tmp_path, {"expert.algorithm": "scripted", "expert.snapshots": "[0.5]"})
