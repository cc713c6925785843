"""What a recording promises beyond its column types, checked row by row without a Python loop over rows."""

from pathlib import Path

import numpy as np

from understudy.episode import NO_OPTION
from understudy.errors import DataError
from understudy.spec import EnvironmentSpec


def check_recording(
    steps_file: Path,
    episodes_file: Path,
    spec: EnvironmentSpec,
    steps: dict[str, np.ndarray],
    episodes: dict[str, np.ndarray],
) -> None:
    """Check values, order and agreement of the two tables.

    Raises:
        DataError: NaN or infinity, an action outside its space, episodes not numbered 0, 1, ..., steps that are not sorted
            and gapless, lengths or returns that disagree with the steps, or an episode without an end flag.
    """
    for name in ("observation", "reward", "action", "demonstrated_action"):
        _check_rows(steps_file, name, np.isfinite(steps[name]), "a finite value", steps[name])
    for name in ("return", "final_observation"):
        _check_rows(episodes_file, name, np.isfinite(episodes[name]), "a finite value", episodes[name])
    for name in ("action", "demonstrated_action"):
        _check_actions(steps_file, name, steps[name], spec)
    _check_episodes(episodes_file, episodes)
    _check_order(steps_file, steps, episodes["length"])
    totals = np.zeros(len(episodes["length"]))
    np.add.at(totals, steps["episode"], steps["reward"].astype(np.float64))
    agree = np.isclose(totals, episodes["return"], rtol=1e-5, atol=1e-3)
    _check_rows(episodes_file, "return", agree, "the sum of the episode's rewards", episodes["return"])


def _check_rows(path: Path, column: str, valid: np.ndarray, expected: str, values: np.ndarray) -> None:
    """Complain about the first row in which `valid`, of the shape of `values` or (rows,), is false."""
    by_row = valid.reshape(len(valid), -1).all(axis=1) if len(valid) else np.ones(0, dtype=bool)
    if not by_row.all():
        row = int(np.flatnonzero(~by_row)[0])
        raise DataError(f"{path}: column {column}, row {row}: expected {expected}, got {_on_one_line(values[row])}")


def _on_one_line(value: np.ndarray) -> str:
    return str(value).replace("\n", "")


def _check_actions(path: Path, column: str, actions: np.ndarray, spec: EnvironmentSpec) -> None:
    if spec.discrete_actions:
        valid, expected = (actions >= 0) & (actions < spec.num_actions), f"an action from 0 to {spec.num_actions - 1}"
    else:
        low, high = np.asarray(spec.action_low, np.float32), np.asarray(spec.action_high, np.float32)
        valid, expected = (
            (actions >= low) & (actions <= high),
            f"an action from {_on_one_line(low)} to {_on_one_line(high)}",
        )
    _check_rows(path, column, valid, expected, actions)


def _check_episodes(path: Path, episodes: dict[str, np.ndarray]) -> None:
    count = len(episodes["episode"])
    if count == 0:
        raise DataError(f"{path}: expected at least one episode, got none")
    numbered = episodes["episode"] == np.arange(count)
    _check_rows(path, "episode", numbered, "episodes numbered 0, 1, ... in order", episodes["episode"])
    _check_rows(path, "length", episodes["length"] >= 1, "at least one step", episodes["length"])
    ended = episodes["terminated"] | episodes["truncated"]
    _check_rows(path, "terminated", ended, "terminated or truncated to be set", episodes["terminated"])
    first_use = np.zeros(count, dtype=bool)
    first_use[np.unique(episodes["seed"], return_index=True)[1]] = True
    _check_rows(path, "seed", first_use, "a seed that no episode before it has", episodes["seed"])


def _check_order(path: Path, steps: dict[str, np.ndarray], lengths: np.ndarray) -> None:
    expected_rows = int(lengths.sum())
    if len(steps["episode"]) != expected_rows:
        raise DataError(
            f"{path}: expected {expected_rows} rows, the sum of the episodes' lengths, got {len(steps['episode'])}"
        )
    starts = np.cumsum(lengths) - lengths
    in_order = steps["episode"] == np.repeat(np.arange(len(lengths)), lengths)
    _check_rows(path, "episode", in_order, "rows sorted by episode, as many as its length", steps["episode"])
    gapless = steps["step"] == np.arange(expected_rows) - np.repeat(starts, lengths)
    _check_rows(path, "step", gapless, "steps 0, 1, ... of each episode in order, each once", steps["step"])
    _check_rows(path, "agent", steps["agent"] == 0, "agent 0, the only one", steps["agent"])
    _check_rows(path, "option", steps["option"] >= NO_OPTION, f"an option or {NO_OPTION} for none", steps["option"])
