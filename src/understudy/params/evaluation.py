"""`evaluation:` in params.yaml."""

from typing import Annotated

from pydantic import Field

from understudy.params.section import Precision, SeededEpisodes


class EvaluationParams(SeededEpisodes):
    """On which episodes policies are evaluated; no other stage may use their seeds.

    Attributes:
        precision: number format of the students' matrices and memory at play.
    """

    episodes: Annotated[int, Field(ge=2)]
    precision: Precision
