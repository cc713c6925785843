"""Tasks and players by what params.yaml says of them.

make_task(params)            -- the task, and what makes it again as JSON
task_of(settings)            -- the task again, of what recordings carry
make_player(task, params)    -- who plays it
groups_of_games(task, seeds) -- games that have the same answer
"""

from typing import Any

import numpy as np
from pydantic import ValidationError

from understudy.errors import DataError, ParameterError
from understudy.params.words import GamePlayerParams, WordParams
from understudy.spec import EnvironmentSpec
from understudy.tasks.play import Player, RandomPlayer
from understudy.tasks.recording import ENVIRONMENT
from understudy.tasks.task import TextTask, check_task
from understudy.tasks.text_maze import TextMaze
from understudy.tasks.word_players import consistent_player, entropy_player
from understudy.tasks.wordle import Wordle, word_list
from understudy.utils.named import load_named

NOBODY = {"player": "random", "games": 1}  # a section needs somebody who plays


def make_task(params: WordParams) -> tuple[TextTask, dict[str, Any]]:
    """The task of a section `words:`, and its settings, which recordings carry.

    Raises:
        ParameterError: the settings make no task; the message names the key.
    """
    settings = getattr(params, params.task).model_dump()
    try:
        task = _make(params)
        check_task(task)
    except ParameterError:
        raise
    except (ValueError, TypeError, AttributeError) as error:
        raise ParameterError(f"words.{params.task}: {' '.join(str(error).split())}") from None
    return task, {"task": params.task, **settings}


def task_of(spec: EnvironmentSpec) -> TextTask:
    """The task of recordings in text, and so of a policy that has learned from them.

    Raises:
        DataError: they are of another environment, or their settings make no task.
    """
    if spec.environment_id != ENVIRONMENT or "task" not in spec.kwargs:
        raise DataError(
            f"{spec.environment_id}: expected a policy that has learned from games in text, got one of another kind"
        )
    settings = {name: value for name, value in spec.kwargs.items() if name != "task"}
    content = {"task": spec.kwargs["task"], spec.kwargs["task"]: settings, "players": [NOBODY], "first_seed": 0}
    try:
        return make_task(WordParams.model_validate(content))[0]
    except (ValidationError, ParameterError) as error:
        raise DataError(
            f"environment.kwargs: expected settings of a task, got others: {' '.join(str(error).split())}"
        ) from None


def groups_of_games(task: TextTask, seeds: np.ndarray) -> np.ndarray:
    """Which games (N,) int64 are of one kind: those of Wordle with the same answer; of other tasks each is of its own."""
    return task.reset(seeds).state["answer"] if isinstance(task, Wordle) else np.asarray(seeds, np.int64)


def make_player(task: TextTask, params: GamePlayerParams) -> Player:
    """Who is to play a task.

    Raises:
        ParameterError: it plays Wordle alone, and this is another task.
    """
    if isinstance(task, Wordle):
        if params.player == "greedy_entropy":
            return entropy_player(task)
        return consistent_player(task, 0.0 if params.rate is None else params.rate, params.otherwise)
    if params.player != "random":
        raise ParameterError(f"words.players: expected random, as of every task but wordle, got {params.player}")
    return RandomPlayer()


def _make(params: WordParams) -> TextTask:
    if params.wordle is not None and params.task == "wordle":
        how = params.wordle
        return Wordle(word_list(how.words), how.max_turns, how.words_only, how.marks_name_letters)
    if params.text_maze is not None and params.task == "text_maze":
        return TextMaze(params.text_maze.rows, params.text_maze.max_turns)
    own = getattr(params, params.task)
    return load_named(own.name, f"words.{params.task}.name")(**own.kwargs)
