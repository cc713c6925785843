"""A maze walked in text, small enough for its optimum to be known by search.

TextMaze -- the task

The player writes n, e, s or w; the task replies where that has led to, a token for the place. Each step costs 1, but for the one
into the goal. N games, P open places.
"""

from collections.abc import Sequence

import numpy as np

from understudy.tasks.task import NOTHING, State, TextStep
from understudy.utils.draws import uniform

WALL, OPEN, GOAL = "#", ".", "G"
MOVES = {"n": (-1, 0), "e": (0, 1), "s": (1, 0), "w": (0, -1)}
START_STREAM = 0


class TextMaze:
    """One game a seed, which draws the place to start from, any but the goal.

    Args:
        rows: the map from north to south, of `#` wall, `.` open and one `G`.
        max_turns: steps.

    Attributes:
        distances: (P,) int64, fewest steps from each place to the goal.

    Raises:
        ValueError: rows of different lengths, other characters, not one goal, or an open place from which it is not reached.
    """

    num_actions = len(MOVES)
    reply_length = turn_length = 1

    def __init__(self, rows: Sequence[str], max_turns: int) -> None:
        _check_map(rows)
        self.max_turns = max_turns
        places = [(row, column) for row, line in enumerate(rows) for column, kind in enumerate(line) if kind != WALL]
        number = {place: index for index, place in enumerate(places)}
        self.tokens = (*MOVES, *(f"({row},{column})" for row, column in places))
        self.goal = next(number[row, column] for row, column in places if rows[row][column] == GOAL)
        leads = [
            [number.get((row + down, column + right), number[row, column]) for down, right in MOVES.values()]
            for row, column in places
        ]
        self.leads = np.asarray(leads, np.int64)  # (P, 4); against a wall one stays
        self.distances = self._search()

    def reset(self, seeds: np.ndarray) -> TextStep:
        """Games (N,) whose text is the place where each starts."""
        drawn = (uniform(seeds, START_STREAM) * (len(self.distances) - 1)).astype(np.int64)
        place = drawn + (drawn >= self.goal)
        zeros = np.zeros(len(seeds), np.int64)
        state = {"place": place, "turn": zeros, "over": np.zeros(len(seeds), np.bool_)}
        return TextStep(state, self._reply(place), zeros.astype(np.float32), state["over"])

    def step(self, state: State, actions: np.ndarray) -> TextStep:
        """Walk a step."""
        playing = ~state["over"]
        place = np.where(playing, self.leads[state["place"], np.where(playing, actions, 0)], state["place"])
        turn, arrived = state["turn"] + playing, place == self.goal
        after = {"place": place, "turn": turn, "over": arrived | (turn == self.max_turns)}
        rewards = np.where(playing & ~arrived, -1.0, 0.0).astype(np.float32)
        return TextStep(after, np.where(playing[:, None], self._reply(place), NOTHING), rewards, after["over"])

    def legal(self, state: State) -> np.ndarray:
        """All four, walls or not."""
        return np.repeat(~state["over"][:, None], self.num_actions, axis=1)

    def best_returns(self, seeds: np.ndarray) -> np.ndarray:
        """What the games of these seeds (N,) pay at best, (N,) float64."""
        distances = self.distances[self.reset(seeds).state["place"]]
        return np.where(distances <= self.max_turns, 1.0 - distances, -1.0 * self.max_turns)

    def _reply(self, place: np.ndarray) -> np.ndarray:
        return self.num_actions + place[:, None]

    def _search(self) -> np.ndarray:
        """Breadth first, from the goal."""
        distances = np.full(len(self.leads), -1)
        distances[self.goal] = 0
        reached, steps = np.asarray([self.goal]), 0
        while len(reached):
            steps += 1
            before = np.isin(self.leads, reached).any(axis=1) & (distances < 0)
            distances[before] = steps
            reached = np.flatnonzero(before)
        if (distances < 0).any():
            lost = self.tokens[self.num_actions + int(np.flatnonzero(distances < 0)[0])]
            raise ValueError(f"rows: expected a way to the goal from every open place, got none from {lost}")
        return distances


def _check_map(rows: Sequence[str]) -> None:
    if len({len(row) for row in rows}) != 1:
        raise ValueError(f"rows: expected rows of one length, got {[len(row) for row in rows]}")
    strange = set("".join(rows)) - {WALL, OPEN, GOAL}
    if strange:
        raise ValueError(f"rows: expected {WALL} {OPEN} {GOAL} alone, got {min(strange)!r}")
    counts = {kind: sum(row.count(kind) for row in rows) for kind in (GOAL, OPEN)}
    if counts[GOAL] != 1 or counts[OPEN] < 1:
        raise ValueError(f"rows: expected one {GOAL} and some {OPEN}, got {counts[GOAL]} and {counts[OPEN]}")
