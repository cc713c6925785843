"""A prompt: how the text of a game goes on so far, token by token.

Prompt                    -- the tokens as steps
read_text(task, text)     -- of any text, a whole game's too
read_prompt(task, text)   -- of one that is to go on
may_follow(task, written) -- what may be written next in a turn

T tokens of the player's, R tokens a reply, A tokens to choose from.
"""

from dataclasses import dataclass, replace

import numpy as np

from understudy.errors import ParameterError
from understudy.tasks.task import NOTHING, State, TextStep, TextTask
from understudy.tasks.text import decode, encode
from understudy.tasks.text_maze import TextMaze
from understudy.tasks.wordle import FIRST_MARK, MARKS, Wordle

WHERE = "--prompt"
OVER = f"{WHERE}: expected a game that goes on, got one that is over"
GAMES_A_PLACE = 1000  # of a maze: enough that each place is one to start from


@dataclass(frozen=True)
class Prompt:
    """A text as steps.

    Attributes:
        opening: (R,) int64, what the task wrote first.
        actions: (T,) int64.
        replies: (T, R) int64, NOTHING where it wrote less.
    """

    opening: np.ndarray
    actions: np.ndarray
    replies: np.ndarray

    @property
    def turn(self) -> list[int]:
        """The player's tokens of the turn that is not over; a turn is over when it has been replied to."""
        replied = np.flatnonzero((self.replies != NOTHING).any(axis=1))
        return self.actions[int(replied[-1]) + 1 if len(replied) else 0 :].tolist()


def read_prompt(task: TextTask, text: str) -> Prompt:
    """Tokens of a text, held against what the task says of turns and replies.

    Raises:
        ParameterError: a character is no token, a reply or a turn is too long, words are of another length or are not among
            the task's, no game of Wordle or of a maze goes so, or the game is over.
    """
    prompt = read_text(task, text)
    _check_turns(task, prompt)
    if isinstance(task, Wordle | TextMaze):
        _check_game(task, prompt)
    return prompt


def read_text(task: TextTask, text: str) -> Prompt:
    """Tokens of a text.

    Raises:
        ParameterError: a character is no token, or a reply is too long.
    """
    try:
        ids = encode(task.tokens, text, WHERE).tolist()
    except ValueError as error:
        raise ParameterError(str(error)) from None
    replies, actions = [np.full(task.reply_length, NOTHING)], []
    filled = 0
    for token in ids:
        if token < task.num_actions:
            actions.append(token)
            replies.append(np.full(task.reply_length, NOTHING))
            filled = 0
        elif filled == task.reply_length:
            raise ParameterError(
                f"{WHERE}: expected replies of at most {task.reply_length} tokens, got {task.tokens[token]!r} beyond"
            )
        else:
            replies[-1][filled] = token
            filled += 1
    return Prompt(replies[0], np.asarray(actions, np.int64), np.asarray(replies[1:]).reshape(-1, task.reply_length))


def may_follow(task: TextTask, turn: list[int]) -> np.ndarray:
    """Which tokens (A,) bool may be written after those of a turn: of Wordle those that lead on to a word, elsewhere any."""
    if not isinstance(task, Wordle) or not task.words_only:
        return np.ones(task.num_actions, np.bool_)
    node = np.zeros(1, np.int64)
    for token in turn:
        node = task.trie.advance(node, np.asarray([token]))
    return task.trie.legal(node)[0]


def _check_turns(task: TextTask, prompt: Prompt) -> None:
    turn: list[int] = []
    turns = 0
    for token, reply in zip(prompt.actions.tolist(), prompt.replies, strict=True):
        if len(turn) == task.turn_length:
            written = decode(task.tokens, np.asarray([*turn, token]))
            raise ParameterError(f"{WHERE}: expected a reply after {task.turn_length} tokens, got {written!r}")
        allowed = may_follow(task, turn)
        if not allowed[token]:
            names = " ".join(repr(task.tokens[each]) for each in np.flatnonzero(allowed))
            written = decode(task.tokens, np.asarray(turn, np.int64))
            raise ParameterError(f"{WHERE}: expected one of {names} after {written!r}, got {task.tokens[token]!r}")
        turn.append(token)
        if (reply != NOTHING).any():
            _check_reply(task, turn, reply)
            turn, turns = [], turns + 1
    if turns >= task.max_turns:
        raise ParameterError(OVER)
    if len(turn) == task.turn_length:
        raise ParameterError(
            f"{WHERE}: expected the task's reply after {decode(task.tokens, np.asarray(turn))!r}, got the text's end"
        )


def _check_reply(task: TextTask, turn: list[int], reply: np.ndarray) -> None:
    """Of Wordle each letter of a word has a mark, which may say what the letter is."""
    if not isinstance(task, Wordle):
        return
    word, said = decode(task.tokens, np.asarray(turn)), reply[reply != NOTHING]
    if len(turn) != task.turn_length or len(said) != task.turn_length:
        raise ParameterError(
            f"{WHERE}: expected words of {task.turn_length} letters with a mark each, got {word!r} with {len(said)}"
        )
    named = FIRST_MARK + len(MARKS) * np.asarray(turn)
    if task.marks_name_letters and not ((said >= named) & (said < named + len(MARKS))).all():
        raise ParameterError(f"{WHERE}: expected marks of the letters of {word!r}, got {decode(task.tokens, said)!r}")


def _every_game(task: Wordle | TextMaze) -> TextStep:
    """The beginnings of games, of Wordle one for each answer, of a maze some from each place."""
    if isinstance(task, TextMaze):
        return task.reset(np.arange(GAMES_A_PLACE * len(task.distances)))
    step = task.reset(np.zeros(len(task.words), np.int64))
    return replace(step, state=step.state | {"answer": np.arange(len(task.words))})


def _check_game(task: Wordle | TextMaze, prompt: Prompt) -> None:
    """Whether a game goes so: all that still could are played along."""
    step = _every_game(task)
    state = _those_that_reply(task, step, prompt.opening, "at the beginning")
    for place, (token, reply) in enumerate(zip(prompt.actions.tolist(), prompt.replies, strict=True)):
        step = task.step(state, np.full(len(next(iter(state.values()))), token))
        written = decode(task.tokens, prompt.actions[: place + 1][-task.turn_length :])
        state = _those_that_reply(task, step, reply, f"to {written!r} here")
        if not task.legal(state).any():
            raise ParameterError(OVER)


def _those_that_reply(task: TextTask, step: TextStep, reply: np.ndarray, to: str) -> State:
    """The state of those of a step's games that have replied so."""
    same = (step.reply == reply).all(axis=1)
    if not same.any():
        possible, got = decode(task.tokens, step.reply[0]), decode(task.tokens, reply)
        raise ParameterError(f"{WHERE}: expected a reply that a game gives {to}, such as {possible!r}, got {got!r}")
    return {name: values[same] for name, values in step.state.items()}
