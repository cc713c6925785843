"""What a recording promises beyond its column types, checked without a Python loop over rows.

check_episodes -- the table of episodes by itself
check_steps    -- some consecutive rows of the table of steps, which the table of episodes foretells
check_returns  -- both tables together, for episodes whose steps are all there
"""

from pathlib import Path

import numpy as np

from understudy.episode import NO_OPTION, UNKNOWN_SEED
from understudy.errors import DataError
from understudy.rollouts.table import Columns
from understudy.spec import EnvironmentSpec


def check_episodes(path: Path, episodes: Columns, num_players: int = 0) -> None:
    """Check the episodes by themselves, and that each is of one of the players, where there are some.

    Raises:
        DataError: NaN or infinity, episodes not numbered 0, 1, ..., without a step, without an end flag, of one seed, or of
            nobody.
    """
    for name in ("return", "final_observation"):
        _check_finite(path, name, episodes[name])
    count = len(episodes["episode"])
    numbered = episodes["episode"] == np.arange(count)
    _check_rows(path, "episode", numbered, "episodes numbered 0, 1, ... in order", episodes["episode"])
    _check_rows(path, "length", episodes["length"] >= 1, "at least one step", episodes["length"])
    ended = episodes["terminated"] | episodes["truncated"]
    _check_rows(path, "terminated", ended, "terminated or truncated to be set", episodes["terminated"])
    known = episodes["seed"] >= UNKNOWN_SEED
    _check_rows(path, "seed", known, f"a seed, or {UNKNOWN_SEED} where it is unknown", episodes["seed"])
    first_use = episodes["seed"] == UNKNOWN_SEED
    first_use[np.unique(episodes["seed"], return_index=True)[1]] = True
    if num_players:
        known = (episodes["player"] >= 0) & (episodes["player"] < num_players)
        _check_rows(path, "player", known, f"one of {num_players} players", episodes["player"])
    _check_rows(path, "seed", first_use, "a seed that no episode before it has", episodes["seed"])


def check_steps(path: Path, spec: EnvironmentSpec, steps: Columns, first_row: int, offsets: np.ndarray) -> None:
    """Check rows `first_row` and following of a file whose episode e has the rows offsets[e]:offsets[e + 1].

    Raises:
        DataError: NaN or infinity, an action outside its space, or rows that are not sorted and gapless.
    """
    for name in ("observation", "reward", "action", "demonstrated_action"):
        _check_finite(path, name, steps[name], first_row)
    for name in ("action", "demonstrated_action"):
        _check_actions(path, name, steps[name], spec, first_row)
    rows = np.arange(first_row, first_row + len(steps["episode"]))
    first, last = np.searchsorted(offsets, rows[[0, -1]], side="right") - 1
    episodes = np.arange(first, last + 1)
    rows_of_each = np.diff(np.clip(offsets[first : last + 2], rows[0], rows[-1] + 1))
    in_order = steps["episode"] == np.repeat(episodes, rows_of_each)
    _check_rows(path, "episode", in_order, "rows sorted by episode, as many as its length", steps["episode"], first_row)
    in_episode, agents = rows - np.repeat(offsets[episodes], rows_of_each), spec.num_agents
    gapless = steps["step"] == in_episode // agents
    _check_rows(path, "step", gapless, "steps 0, 1, ... of each episode in order, each once", steps["step"], first_row)
    everybody = "agent 0, the only one" if agents == 1 else f"agents 0 to {agents - 1} of each step in order"
    _check_rows(path, "agent", steps["agent"] == in_episode % agents, everybody, steps["agent"], first_row)
    known = steps["option"] >= NO_OPTION
    _check_rows(path, "option", known, f"an option or {NO_OPTION} for none", steps["option"], first_row)


def check_returns(path: Path, spec: EnvironmentSpec, rewards: np.ndarray, episodes: Columns) -> None:
    """Hold the returns of consecutive episodes against the `rewards` of all their steps and agents.

    Raises:
        DataError: they disagree by more than rounding.
    """
    starts = np.cumsum(episodes["length"], dtype=np.int64) - episodes["length"]
    totals = np.add.reduceat(rewards.astype(np.float64), spec.num_agents * starts) / spec.num_agents
    agree = np.isclose(totals, episodes["return"], rtol=1e-5, atol=1e-3)
    first_row = int(episodes["episode"][0])
    _check_rows(path, "return", agree, "the sum of the episode's rewards", episodes["return"], first_row)


def _check_rows(
    path: Path, column: str, valid: np.ndarray, expected: str, values: np.ndarray, first_row: int = 0
) -> None:
    """Complain about the first row in which `valid`, of the shape of `values` or (rows,), is false."""
    if not valid.all():
        row = int(np.flatnonzero(~valid.reshape(len(valid), -1).all(axis=1))[0])
        got = _on_one_line(values[row])
        raise DataError(f"{path}: column {column}, row {first_row + row}: expected {expected}, got {got}")


def _on_one_line(value: np.ndarray) -> str:
    return str(value).replace("\n", "")


def _check_finite(path: Path, column: str, values: np.ndarray, first_row: int = 0) -> None:
    _check_rows(path, column, np.isfinite(values), "a finite value", values, first_row)


def _check_actions(path: Path, column: str, actions: np.ndarray, spec: EnvironmentSpec, first_row: int) -> None:
    if spec.discrete_actions:
        valid, expected = (actions >= 0) & (actions < spec.action_dim), f"an action from 0 to {spec.action_dim - 1}"
    else:
        low, high = (np.asarray(bounds, np.float32) for bounds in spec.action_bounds)
        valid, expected = (
            (actions >= low) & (actions <= high),
            f"an action from {_on_one_line(low)} to {_on_one_line(high)}",
        )
    _check_rows(path, column, valid, expected, actions, first_row)
