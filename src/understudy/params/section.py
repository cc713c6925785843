"""What all sections of params.yaml are, and the types that they share."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Precision = Literal["auto", "float32", "bfloat16"]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Section(BaseModel):
    """A group of params.yaml: immutable, of exact types, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SeededEpisodes(Section):
    """Episodes on consecutive seeds, played in blocks.

    Attributes:
        episodes: how many.
        first_seed: the episodes' seeds are first_seed ... first_seed + episodes - 1.
        block_size: episodes played side by side; part of the result, unlike the number of workers.
    """

    episodes: Count
    first_seed: Seed
    block_size: Count

    @property
    def seeds(self) -> range:
        """One seed an episode."""
        return range(self.first_seed, self.first_seed + self.episodes)
