"""understudy imagine: a recording of what a model expects."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from tests.builders import CHOICES
from tests.toys import recording, tiny_policy
from understudy.cli.main import main
from understudy.episode import UNKNOWN_SEED, Episode
from understudy.policies.files import save_policy
from understudy.rollouts.parquet import read_recording, write_recording

COLUMNS = ("observation", "action", "demonstrated_action", "reward", "option")
RECORDED = recording([1.0, 2.0, 3.0], CHOICES)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a policy, `dreamer`, and a recording, `played`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dreamer").mkdir()
    save_policy(tiny_policy("trajectory_transformer", CHOICES), tmp_path / "dreamer")
    (tmp_path / "played").mkdir()
    offsets = RECORDED.offsets
    episodes = [
        Episode(
            int(RECORDED.episodes["seed"][number]),
            *(RECORDED.steps[name][first:last] for name in COLUMNS),
            final_observation=np.zeros(3, np.float32),
            terminated=True,
            truncated=False,
        )
        for number, (first, last) in enumerate(itertools.pairwise(offsets))
    ]
    write_recording(tmp_path / "played", CHOICES, "toy", episodes)
    return tmp_path


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["imagine", *arguments])
    return left.value.code


def test_episodes_are_written_as_a_recording_that_says_so(project, capsys) -> None:
    assert call("dreamer", "--starts", "played", "--episodes", "2", "--steps", "6", "--out", "dreams") == 0
    dreamt = read_recording(project / "dreams")
    assert dreamt.demonstrator == "imagined by dreamer"
    assert dreamt.episodes["seed"].tolist() == RECORDED.episodes["seed"][:2].tolist()
    assert np.array_equal(dreamt.steps["observation"][dreamt.offsets[:-1]], RECORDED.steps["observation"][[0, 2]])
    assert capsys.readouterr().out.startswith("2 imagined episodes are in dreams: ")


def test_where_no_seeds_are_known_episodes_draw_differently(project) -> None:
    """Imported recordings have none; both begin in the same state here."""
    first = read_recording(project / "played")
    episodes = [
        Episode(
            UNKNOWN_SEED,
            *(np.repeat(first.steps[name][:1], 2, axis=0) for name in COLUMNS),
            final_observation=np.zeros(3, np.float32),
            terminated=True,
            truncated=False,
        )
        for _ in range(2)
    ]
    (project / "imported").mkdir()
    write_recording(project / "imported", CHOICES, "toy", episodes)
    assert call("dreamer", "--starts", "imported", "--steps", "9", "--out", "dreams") == 0
    dreamt = read_recording(project / "dreams")
    one, other = (dreamt.steps["observation"][begin : begin + 2] for begin in dreamt.offsets[:2])
    assert np.array_equal(one[0], other[0]) and not np.array_equal(one, other)


def test_starts_of_another_environment_are_refused(project, capsys) -> None:
    (project / "others").mkdir()
    first = read_recording(project / "played")
    episode = Episode(
        0,
        *(first.steps[name][:2] if name != "observation" else np.zeros((2, 4), np.float32) for name in COLUMNS),
        final_observation=np.zeros(4, np.float32),
        terminated=True,
        truncated=False,
    )
    write_recording(project / "others", replace(CHOICES, components=(*CHOICES.components, "w")), "toy", [episode])
    assert call("dreamer", "--starts", "others", "--out", "new") == 1
    assert capsys.readouterr().err.startswith(
        "understudy imagine: others: expected observations of 3 components of one agent"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--episodes", "0", "--out", "new"), 2, "--episodes: expected at least 1, got 0"),
        (("--steps", "-1", "--out", "new"), 2, "--steps: expected at least 1, got -1"),
        (("--out", "played"), 2, "--out: expected a folder that does not exist, got played"),
    ],
)
def test_mistakes_are_a_sentence(project, capsys, arguments, code, sentence) -> None:
    assert call("dreamer", "--starts", "played", *arguments) == code
    assert capsys.readouterr().err == f"understudy imagine: {sentence}\n"
    assert not (project / "new").exists()
