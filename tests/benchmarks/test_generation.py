"""The benchmark of games a second plays, and says how fast."""

import pytest

from benchmarks import generation


@pytest.mark.parametrize("family", generation.FAMILIES)
def test_games_are_played_and_counted(family):
    assert generation.games_per_second(family, 8, 1) > 0
