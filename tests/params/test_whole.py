"""params.yaml as a whole: every mistake in it is one sentence that names the file and the key.

Mistakes are made in the committed file: one key is set to a text, written as it would be typed.
"""

import copy
import json
from pathlib import Path

import pytest

from tests.builders import PARAMETERS, PARAMETERS_FILE, parameters_text, refused
from understudy.errors import ParameterError
from understudy.params.whole import load_params

SECTIONS = sorted(PARAMETERS)


def load_text(folder: Path, text: str):
    path = folder / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return load_params(path)


def test_the_committed_file_loads():
    params = load_params(PARAMETERS_FILE)
    assert params.policies.names == list(PARAMETERS["policies"])
    assert params.rollouts.seeds[0] == PARAMETERS["rollouts"]["first_seed"]
    assert len(params.rollouts.seeds) == PARAMETERS["rollouts"]["episodes"]


def test_parameters_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        load_params(PARAMETERS_FILE).training.steps = 3


MISTAKES = {
    "a quoted number": ("rollouts.episodes", "'200'", ["rollouts.episodes:", "expected a valid integer", "got '200'"]),
    "a quoted float": ("training.learning_rate", "'1e-4'", ["training.learning_rate:", "valid number", "got '1e-4'"]),
    "a boolean for an integer": ("rollouts.episodes", "true", ["rollouts.episodes:", "valid integer", "got True"]),
    "a float for an integer": ("expert.total_steps", "1e6", ["expert.total_steps:", "valid integer", "got 1000000.0"]),
    "a number for a list": ("sequences.hide", "0", ["sequences.hide:", "expected a valid list", "got 0"]),
    "a word for a list": ("sequences.hide", "vx", ["sequences.hide:", "expected a valid list", "got 'vx'"]),
    "a number in a list of words": ("sequences.hide", "[x, 3]", ["sequences.hide.1:", "valid string", "got 3"]),
    "an empty list": ("expert.hidden_sizes", "[]", ["expert.hidden_sizes:", "at least 1 item", "got []"]),
    "a probability above one": ("rollouts.noise", "1.5", ["rollouts.noise:", "less than or equal to 1", "got 1.5"]),
    "a negative probability": ("rollouts.noise", "-0.1", ["rollouts.noise:", "greater than or equal to 0", "got -0.1"]),
    "zero for a positive number": ("training.learning_rate", "0.0", ["training.learning_rate:", "greater than 0"]),
    "no worker": ("compute.workers", "0", ["compute.workers:", "greater than or equal to 1", "got 0"]),
    "a negative seed": ("training.seeds", "[0, -1]", ["training.seeds.1:", "greater than or equal to 0", "got -1"]),
    "a seed beyond 31 bits": ("training.seeds", "[2147483648]", ["training.seeds.0:", "less than 2147483648"]),
    "NaN": ("training.learning_rate", ".nan", ["training.learning_rate:", "finite number", "got nan"]),
    "NaN for a probability": ("rollouts.noise", ".nan", ["rollouts.noise:", "got nan"]),
    "NaN for a share": ("sequences.validation_fraction", ".nan", ["sequences.validation_fraction:", "got nan"]),
    "NaN for a return": ("rollouts.minimum_return", ".nan", ["rollouts.minimum_return:", "finite number", "got nan"]),
    "infinity": ("options.dwell", ".inf", ["options.dwell:", "finite number", "got inf"]),
    "null for a number": ("training.steps", "null", ["training.steps:", "expected a valid integer", "got None"]),
    "nothing below a section": ("compute", "null", ["compute:", "expected a valid dictionary", "got None"]),
    "a section as a list": ("compute", "[2]", ["compute:", "expected a valid dictionary", "got [2]"]),
    "an unknown algorithm": (
        "expert.algorithm",
        "dqn",
        ["expert.algorithm:", "'ppo', 'a2c', 'sac', 'td3', 'scripted', 'sb3_zip' or 'function'", "'dqn'"],
    ),
    "an unknown device": ("compute.device", "gpu", ["compute.device:", "'auto', 'cpu' or 'cuda'", "got 'gpu'"]),
    "an unknown precision": ("training.precision", "half", ["training.precision:", "'auto'", "got 'half'"]),
    "no policy": ("policies", "{}", ["policies:", "at least 1 item", "got {}"]),
}


@pytest.mark.parametrize(("key", "raw", "parts"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence_with_file_and_key(tmp_path, key, raw, parts):
    with refused(ParameterError, str(tmp_path / "params.yaml"), *parts):
        load_text(tmp_path, parameters_text({key: raw}))


@pytest.mark.parametrize(("unknown", "close"), [("compute.worker", "workers"), ("expert.ppo.n_step", "n_steps")])
def test_an_unknown_key_comes_with_the_nearest_known_one(tmp_path, unknown, close):
    with refused(ParameterError, f"{unknown}: expected one of the keys", f"did you mean {close}?"):
        load_text(tmp_path, parameters_text({unknown: "2"}))


def test_a_key_like_no_other_comes_without_a_suggestion(tmp_path):
    with pytest.raises(ParameterError) as caught:
        load_text(tmp_path, parameters_text({"qqq": "2"}))
    assert "did you mean" not in str(caught.value)
    assert [section for section in SECTIONS if section not in str(caught.value)] == []


RENAMED = [("evaluation", "evalution"), ("compute.workers", "compute.worker"), ("expert.ppo.gamma", "expert.ppo.gama")]


@pytest.mark.parametrize(("key", "misspelt"), RENAMED)
def test_a_misspelt_key_is_named_as_it_was_written(tmp_path, key, misspelt):
    content = copy.deepcopy(PARAMETERS)
    *parents, last = key.split(".")
    section = content
    for parent in parents:
        section = section[parent]
    section[misspelt.split(".")[-1]] = section.pop(last)
    with refused(ParameterError, f"{misspelt}: expected one of the keys", f"did you mean {last}?"):
        load_text(tmp_path, parameters_text({}, content))


def test_a_missing_section_is_named(tmp_path):
    content = {key: value for key, value in PARAMETERS.items() if key != "comparison"}
    with refused(ParameterError, "comparison: expected a value, got none"):
        load_text(tmp_path, parameters_text({}, content))


EXPERT, ROLLOUTS, EVALUATION = "expert.seed", "rollouts.first_seed", "evaluation.first_seed"
FIRST_SEEDS = {
    EXPERT: 1000,
    ROLLOUTS: 2000,
    EVALUATION: 3000,
    "expert.ppo.num_environments": 16,
    "rollouts.episodes": 10,
    "evaluation.episodes": 5,
}


@pytest.mark.parametrize(
    ("first", "second", "seed", "shared"),
    [(EXPERT, ROLLOUTS, 1010, 6), (EXPERT, EVALUATION, 1003, 5), (ROLLOUTS, EVALUATION, 2009, 1)],
)
def test_seeds_are_used_once(tmp_path, first, second, seed, shared):
    changes = {key: str(value) for key, value in (FIRST_SEEDS | {second: seed}).items()} | {"expert.algorithm": "ppo"}
    sentence = f"{second}: expected seeds that {first} does not use, got {shared} shared, the first {seed}"
    with refused(ParameterError, str(tmp_path / "params.yaml"), sentence):
        load_text(tmp_path, parameters_text(changes))


@pytest.mark.parametrize(("second", "seed"), [(ROLLOUTS, 1016), (ROLLOUTS, 990), (EVALUATION, 2010), (EVALUATION, 995)])
def test_seeds_may_be_neighbours(tmp_path, second, seed):
    changes = {key: str(value) for key, value in (FIRST_SEEDS | {second: seed}).items()} | {"expert.algorithm": "ppo"}
    params = load_text(tmp_path, parameters_text(changes))
    assert getattr(params, second.split(".")[0]).first_seed == seed


@pytest.mark.parametrize(
    ("key", "raw", "sentence"),
    [
        (
            "baseline",
            "mpl",
            "comparison.baseline: expected one of the policies mlp, decoder, hierarchical, or null, got 'mpl'",
        ),
        (
            "differences",
            "[[mlp, mpl]]",
            "comparison.differences: expected pairs of the policies mlp, decoder, hierarchical",
        ),
    ],
)
def test_a_comparison_with_a_policy_that_is_not_there_is_refused(tmp_path, key, raw, sentence):
    with refused(ParameterError, str(tmp_path / "params.yaml"), sentence, "got 'mpl'"):
        load_text(tmp_path, parameters_text({f"comparison.{key}": raw}))


def without(*sections: str, **added: dict) -> str:
    return json.dumps({key: value for key, value in PARAMETERS.items() if key not in sections} | added)


OWN = {"path": "demos.npz", "format": "npz"}


def test_demonstrations_that_exist_stand_in_for_expert_and_rollouts(tmp_path):
    params = load_text(tmp_path, without("expert", "rollouts", demonstrations=OWN))
    assert (params.expert, params.demonstrations.format) == (None, "npz")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (without("expert"), "expert: expected a value, got none"),
        (without("rollouts"), "rollouts: expected a value, got none"),
        (without(demonstrations=OWN), "demonstrations: expected either this section or expert and rollouts, got both"),
        (
            without("rollouts", demonstrations=OWN),
            "demonstrations: expected either this section or expert and rollouts",
        ),
    ],
)
def test_demonstrations_have_one_source(tmp_path, text, says):
    with refused(ParameterError, "params.yaml: ", says):
        load_text(tmp_path, text)
