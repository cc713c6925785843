"""An expert has to return more than the random actor."""

import pytest

from tests.builders import refused
from understudy.demonstrators.check import check_better_than_random
from understudy.demonstrators.function import function_expert
from understudy.errors import DataError
from understudy.params.environment import EnvironmentParams
from understudy.params.expert import FunctionParams

MODULE = """
def balances(state): return int(state[2] + state[3] > 0)
def falls(state): return 0
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "mine_to_check.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


def check(name: str) -> None:
    function = FunctionParams(name=f"mine_to_check:{name}")
    check_better_than_random(function_expert(EnvironmentParams(id="CartPole-v1", kwargs={}), function))


def test_a_good_one_passes():
    check("balances")


def test_a_bad_one_is_refused_with_both_numbers():
    with refused(DataError, "expert: expected a mean return above the random actor's 2", "over 32 episodes, got 9."):
        check("falls")
