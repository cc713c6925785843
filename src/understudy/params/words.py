"""`words:` in params.yaml, of projects that learn from games in text."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from understudy.params.section import Count, Probability, Section, Seed


class WordleParams(Section):
    """Wordle.

    Attributes:
        words: so many of the package's words, the most frequent ones, or a list of one's own.
        max_turns: guesses.
        words_only: whether only these words may be guessed; any letters otherwise.
        marks_name_letters: whether each mark is a token with its letter, which is learned from sooner, or the mark alone.
    """

    words: int | list[str]
    max_turns: Count
    words_only: bool
    marks_name_letters: bool

    @field_validator("words", mode="before")
    @classmethod
    def _number_or_list(cls, value: object) -> object:
        if type(value) is int or (isinstance(value, Sequence) and not isinstance(value, str)):
            return value
        raise ValueError(
            f"words.wordle.words: expected a number of words of the list, or a list of words, got {value!r}"
        )


class TextMazeParams(Section):
    """A maze walked in text.

    Attributes:
        rows: its map, `#` wall, `.` open, one `G` goal.
        max_turns: steps.
    """

    rows: Annotated[list[str], Field(min_length=1)]
    max_turns: Count


class OwnTaskParams(Section):
    """A task of one's own.

    Attributes:
        name: module:Class, looked for in custom/.
        kwargs: passed to it.
    """

    name: str
    kwargs: dict[str, Any]


class GamePlayerParams(Section):
    """Somebody who plays without having learned it.

    Attributes:
        player: random writes any legal token, of Wordle any of the words. The others play Wordle alone: consistent guesses, at
            its `rate` of the turns, a word that all answers allow; greedy_entropy the word whose answer tells most.
        rate: of consistent alone.
        otherwise: what consistent guesses at its other turns: any word, or one that it has guessed before, by a bad habit.
    """

    player: Literal["random", "consistent", "greedy_entropy"]
    rate: Probability | None = None
    otherwise: Literal["any", "repeated"] = "any"

    @model_validator(mode="after")
    def _settings_of_the_consistent_player(self) -> Self:
        if (self.rate is None) == (self.player == "consistent"):
            expected = "a share of the turns" if self.rate is None else "none"
            raise ValueError(f"rate: expected {expected} where player is {self.player}, got {self.rate}")
        if self.otherwise != "any" and self.player != "consistent":
            raise ValueError(f"otherwise: expected any where player is {self.player}, got {self.otherwise}")
        return self

    @property
    def name(self) -> str:
        """What tables call it."""
        share = "" if self.rate is None else f" {self.rate:g}"
        return f"{self.player}{share}" if self.otherwise == "any" else f"{self.player}{share} else {self.otherwise}"


class RecordedPlayerParams(GamePlayerParams):
    """Somebody whose games are recorded.

    Attributes:
        games: how many of it.
    """

    games: Count


class WordParams(Section):
    """Which task is played, and by whom.

    Attributes:
        task: wordle, text_maze, or own: of that name the section follows.
        players: who plays, one after the other.
        first_seed: games have the seeds first_seed, first_seed + 1, ...
        wordle, text_maze, own: settings of these, used where `task` says so.
    """

    task: Literal["wordle", "text_maze", "own"]
    players: Annotated[list[RecordedPlayerParams], Field(min_length=1)]
    first_seed: Seed
    wordle: WordleParams | None = None
    text_maze: TextMazeParams | None = None
    own: OwnTaskParams | None = None

    @model_validator(mode="after")
    def _settings_are_there(self) -> Self:
        if getattr(self, self.task) is None:
            raise ValueError(f"words.{self.task}: expected its settings, got none")
        check_players(self.task, self.players, "words.players")
        return self


def check_players(task: str, players: Sequence[GamePlayerParams], where: str) -> None:
    """Raise a ValueError where one of the players cannot play the task, or is there twice."""
    for number, player in enumerate(players):
        if task != "wordle" and player.player != "random":
            raise ValueError(f"{where}.{number}.player: expected random, as all but wordle, got {player.player}")
    names = [player.name for player in players]
    if len(set(names)) < len(names):
        raise ValueError(f"{where}: expected different ones, got {', '.join(names)}")
