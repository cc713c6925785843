"""Who ends where in studies/multi_agent, from episodes of known ends."""

import numpy as np
import pytest

from tests.builders import imported, refused
from tests.imports import ROOT
from tests.toys import recording
from understudy.episode import NO_OPTION, Episode
from understudy.errors import DataError
from understudy.rollouts.parquet import read_recording, write_recording
from understudy.spec import EnvironmentSpec

WAYS = tuple(f"landmark_{number}_{axis}" for number in range(2) for axis in "xy")
SPEC = EnvironmentSpec("toys.spread_v0", {}, ("vx", *WAYS), 2, None, None, None, num_agents=2)
FIRST_AGENT_LEFT = [
    [0, 0.1, 0, 0.9, 0],
    [0, -0.9, 0, -0.1, 0],
]  # of two landmarks side by side each agent is near its own
BOTH_LEFT = [[0, 0.1, 0, 0.9, 0], [0, 0, 0.2, 0.8, 0.2]]


@pytest.fixture
def landmarks():
    return imported(ROOT / "studies/multi_agent/landmarks.py")


def episode(seed: int, *observations) -> Episode:
    length = len(observations)
    actions = np.zeros((length, 2), np.int64)
    return Episode(
        seed=seed,
        observations=np.asarray(observations, np.float32),
        actions=actions,
        demonstrated_actions=actions,
        rewards=np.zeros((length, 2), np.float32),
        options=np.full((length, 2), NO_OPTION, np.int16),
        final_observation=np.asarray(observations[-1], np.float32),
        terminated=True,
        truncated=False,
    )


def test_episodes_count_where_each_agent_ends_at_a_landmark_of_its_own(landmarks, tmp_path) -> None:
    episodes = [episode(0, BOTH_LEFT, FIRST_AGENT_LEFT), episode(1, FIRST_AGENT_LEFT, BOTH_LEFT)]
    episodes += [episode(2, FIRST_AGENT_LEFT), episode(3, BOTH_LEFT[::-1], FIRST_AGENT_LEFT[::-1])]
    write_recording(tmp_path, SPEC, "toy", episodes)
    assert landmarks.shared_out(read_recording(tmp_path)) == 0.75


def test_recordings_without_landmarks_are_refused(landmarks) -> None:
    with refused(DataError, "data/evaluation: expected observations of landmarks, got x, y, z"):
        landmarks.shared_out(recording([1.0, 2.0]))
