"""Tasks and players by what params.yaml says of them.

make_task(params)           -- the task, and what makes it again as JSON
make_player(task, params)   -- who plays it
"""

from typing import Any

from understudy.errors import ParameterError
from understudy.params.words import GamePlayerParams, WordParams
from understudy.tasks.play import Player, RandomPlayer
from understudy.tasks.task import TextTask, check_task
from understudy.tasks.text_maze import TextMaze
from understudy.tasks.word_players import consistent_player, entropy_player
from understudy.tasks.wordle import Wordle, word_list
from understudy.utils.named import load_named


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


def make_player(task: TextTask, params: GamePlayerParams) -> Player:
    """Who is to play a task.

    Raises:
        ParameterError: it plays Wordle alone, and this is another task.
    """
    if isinstance(task, Wordle):
        if params.player == "greedy_entropy":
            return entropy_player(task)
        return consistent_player(task, 0.0 if params.rate is None else params.rate)
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
