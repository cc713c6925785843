"""Who plays: players share the episodes out, and each was kept while the expert trained."""

import pytest

from tests.builders import parameters_text, refused
from understudy.errors import ParameterError
from understudy.params.whole import load_params

EXPERT = "{snapshot: 1.0, episodes: 50, noise: 0.25}"


def load(folder, players: str, **changes: str):
    path = folder / "params.yaml"
    changes = {"rollouts.players": players, "rollouts.episodes": "100", "expert.snapshots": "[0.1]"} | changes
    path.write_text(parameters_text(changes), encoding="utf-8")
    return load_params(path).rollouts


def test_players_have_names_that_say_who_they_are(tmp_path):
    players = load(tmp_path, f"[{{snapshot: 0.1, episodes: 50, noise: 0.0}}, {EXPERT}]").players
    assert [player.name for player in players] == ["snapshot 0.1", "expert, noise 0.25"]


@pytest.mark.parametrize(
    ("players", "changes", "sentence"),
    [
        (f"[{EXPERT}]", {}, "rollouts.players: expected 100 episodes in all, as rollouts.episodes, got 50"),
        (
            f"[{EXPERT}, {EXPERT}]",
            {"rollouts.noise": "0.1"},
            "rollouts.noise: expected 0 where each of the players has its own, got 0.1",
        ),
        (
            f"[{EXPERT}, {{snapshot: 0.2, episodes: 50, noise: 0.0}}]",
            {},
            "rollouts.players.1.snapshot: expected 1 or one of expert.snapshots, [0.1], got 0.2",
        ),
    ],
)
def test_players_that_do_not_go_together_are_refused(tmp_path, players, changes, sentence):
    with refused(ParameterError, sentence):
        load(tmp_path, players, **changes)
