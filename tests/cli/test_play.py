"""A human at the keyboard, by keys that a test presses: each episode takes the next seed, and what was done is recorded."""

import pytest

from understudy import read_environment, read_recording
from understudy.cli.main import main
from understudy.cli.play import keys_of
from understudy.errors import ParameterError


def test_episodes_that_were_played_to_their_end_are_recorded(tmp_path, monkeypatch, capsys):
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    calls = iter(range(10_000))

    def events():
        call = next(calls)
        if call == 0:
            return [pygame.event.Event(pygame.KEYDOWN, key=ord("d"))]
        return [pygame.event.Event(pygame.QUIT)] if call == 27 else []

    monkeypatch.setattr(pygame.event, "get", events)
    with pytest.raises(SystemExit) as left:
        main(["play", "CartPole-v1", "--out", str(tmp_path / "played"), "--seed", "4", "--fps", "2000"])
    assert left.value.code == 0, capsys.readouterr().err
    recording = read_recording(tmp_path / "played")
    assert recording.demonstrator == "a human"
    assert recording.episodes["seed"].tolist() == [4, 5][: len(recording.episodes["seed"])]
    assert recording.steps["action"][1:8].tolist() == [1] * 7


def test_keys_are_known_or_given():
    assert keys_of(None, read_environment("LunarLander-v3")) == {"a": 1, "w": 2, "d": 3}
    assert keys_of("x=0,y=1", read_environment("CartPole-v1")) == {"x": 0, "y": 1}
    with pytest.raises(ParameterError, match="--keys: expected such as a=0,d=1, since none are known for Blackjack-v1"):
        keys_of(None, read_environment("Blackjack-v1"))
