"""The ways to go on online: which policy, which seeds, and by which names."""

import pytest

from tests.builders import PARAMETERS, parameters_text, refused
from understudy.errors import ParameterError
from understudy.params.whole import load_params

BLOCK = {
    "policy": "mlp",
    "start": "scratch",
    "steps": "100",
    "first_seed": "2000000",
    "episodes_per_round": "4",
    "learning_starts": "0",
    "updates_per_step": "0.25",
    "recorded_share": "0.5",
    "play": "{}",
    "noise": "0.0",
    "final_noise": "0.0",
    "noise_steps": "1",
    "training": "{}",
    "evaluate_every": "50",
    "evaluation_episodes": "3",
    "evaluation_first_seed": "3000000",
}


def loaded(folder, name: str = "online", **changes: str):
    block = ", ".join(f"{key}: {value}" for key, value in (BLOCK | changes).items())
    path = folder / "params.yaml"
    path.write_text(parameters_text({"improvement": f"{{{name}: {{{block}}}}}"}, PARAMETERS | {"improvement": None}))
    return load_params(path).improvement


def test_a_block_has_seeds_of_its_own(tmp_path) -> None:
    block = loaded(tmp_path).named("online")
    assert (block.seeds, block.evaluation_seeds) == (range(2000000, 2000104), range(3000000, 3000003))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"policy": "mpl"}, "improvement.online.policy: expected one of mlp, decoder, hierarchical, got 'mpl'"),
        ({"start": "offlin"}, "improvement.online.start: expected 'offline' or 'scratch', got 'offlin'"),
        ({"recorded_share": "1.0"}, "improvement.online.recorded_share: expected less than 1, got 1.0"),
        ({"updates_per_step": "0"}, "improvement.online.updates_per_step: expected greater than 0, got 0"),
        ({"noise": "1.5"}, "improvement.online.noise: expected less than or equal to 1, got 1.5"),
        (
            {"first_seed": "999950"},
            "improvement.online.first_seed: expected seeds that evaluation.first_seed does not use",
        ),
        (
            {"evaluation_first_seed": "1000199"},
            "improvement.online.evaluation_first_seed: expected seeds that evaluation.first_seed does not use",
        ),
        (
            {"evaluation_first_seed": "2000103"},
            "improvement.online.evaluation_first_seed: expected seeds that none of its 100 steps can come to, 2000000 to 2000103",
        ),
    ],
)
def test_a_block_that_cannot_be_is_refused(tmp_path, changes, sentence) -> None:
    with refused(ParameterError, sentence):
        loaded(tmp_path, **changes)


def test_a_name_that_is_none_is_refused(tmp_path) -> None:
    with refused(ParameterError, "improvement.On-line: expected a name of a-z, 0-9 and _, got 'On-line'"):
        loaded(tmp_path, "On-line")
    with refused(ParameterError, "--name: expected one of online, got 'offline'"):
        loaded(tmp_path).named("offline")
