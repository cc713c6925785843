"""`word_evaluation:` in params.yaml, of projects that learn from games in text."""

import re
from typing import Annotated, Any

from pydantic import Field, field_validator

from understudy.params.policies import NAME, PolicyParams
from understudy.params.section import Count, NonNegative, Section, Seed
from understudy.params.words import GamePlayerParams


class WordEvaluationParams(Section):
    """On which games policies and demonstrators are judged, and how they are compared.

    Attributes:
        games: how many, the same ones for all.
        first_seed: they have the seeds first_seed, first_seed + 1, ..., which no recording may use.
        block_size: games played side by side; part of the result, since sums of another number of rows may round otherwise.
        temperatures: ways to choose tokens, by name; each policy plays in each of them. 0 for the highest score, else tokens
            are drawn from the scores' softmax at that temperature.
        players: demonstrators that play the same games.
        baseline: the policy whose returns the others' are told against; None for none.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        confidence: of the intervals.
    """

    games: Annotated[int, Field(ge=2)]
    first_seed: Seed
    block_size: Count
    temperatures: Annotated[dict[str, NonNegative], Field(min_length=1)]
    players: list[GamePlayerParams]
    baseline: str | None
    seed: Seed
    resamples: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0, lt=1)]

    @field_validator("temperatures")
    @classmethod
    def _names_are_words(cls, temperatures: dict[str, float]) -> dict[str, float]:
        for name in temperatures:
            if not re.fullmatch(NAME, name):
                raise ValueError(f"word_evaluation.temperatures: expected names of a-z, 0-9 and _, got {name!r}")
        return temperatures

    @property
    def seeds(self) -> range:
        """One seed a game."""
        return range(self.first_seed, self.first_seed + self.games)

    def ways(self, policy: PolicyParams) -> dict[str, tuple[dict[str, Any], float]]:
        """Ways in which a policy plays, by name: its settings of play, and the temperature."""
        plays = {"": policy.plain_play} | policy.play_variants
        return {
            f"{variant}_{name}".removeprefix("_"): (play, temperature)
            for variant, play in plays.items()
            for name, temperature in self.temperatures.items()
        }
