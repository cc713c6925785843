"""`rollouts:` in params.yaml."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from understudy.params.section import Count, Probability, Section, SeededEpisodes

FINISHED = 1.0  # the share of its training after which an expert is finished


class PlayerParams(Section):
    """Somebody whose episodes are recorded beside others'.

    Attributes:
        snapshot: the expert as it was after this share of its training, one of expert.snapshots; 1 is the finished one.
        episodes: how many of it.
        noise: chance that a step executes a random action instead of its own. It is part of how this player acts: what is
            demonstrated is what was executed.
    """

    snapshot: Probability
    episodes: Count
    noise: Probability

    @property
    def name(self) -> str:
        """What tables call it."""
        noise = f", noise {self.noise:g}" if self.noise else ""
        return f"{'expert' if self.snapshot == FINISHED else f'snapshot {self.snapshot:g}'}{noise}"


class RolloutParams(SeededEpisodes):
    """What is recorded of the demonstrator.

    Attributes:
        noise: chance that a step executes a random action instead of the demonstrator's.
        minimum_return: episodes that returned less, in raw reward, are dropped; None keeps all.
        players: who acts, one after the other, for recordings of mixed quality; [] for the finished expert alone.
    """

    noise: Probability
    minimum_return: Annotated[float, Field(allow_inf_nan=False)] | None
    players: list[PlayerParams] = Field(default_factory=list)

    @model_validator(mode="after")
    def _players_share_the_episodes_out(self) -> Self:
        total = sum(player.episodes for player in self.players)
        if self.players and total != self.episodes:
            raise ValueError(
                f"rollouts.players: expected {self.episodes} episodes in all, as rollouts.episodes, got {total}"
            )
        if self.players and self.noise:
            raise ValueError(f"rollouts.noise: expected 0 where each of the players has its own, got {self.noise}")
        return self
