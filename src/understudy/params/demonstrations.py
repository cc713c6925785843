"""`demonstrations:` in params.yaml, in place of `expert:` and `rollouts:`: demonstrations that exist already."""

from typing import Annotated, Literal

from pydantic import Field

from understudy.params.section import Section

Format = Literal["npz", "hdf5", "minari", "d3rlpy", "parquet", "lerobot", "recording"]


class Columns(Section):
    """Which columns of a table hold what; a vector is one column of lists, or several columns in order.

    Attributes:
        episode: number or name of a row's episode; rows of an episode follow one another in time.
        observation: what was seen before the step.
        action: what was done.
        reward: None takes zero.
        terminated, truncated: flags of the step that ended the episode; None takes the last row as truncated.
    """

    episode: str
    observation: str | Annotated[list[str], Field(min_length=1)]
    action: str | Annotated[list[str], Field(min_length=1)]
    reward: str | None = None
    terminated: str | None = None
    truncated: str | None = None


class DemonstrationParams(Section):
    """Where demonstrations come from.

    Attributes:
        path: a file or folder; of Minari a dataset's id.
        format: how they are written.
        columns: of Parquet with columns of one's own; None otherwise.
    """

    path: Annotated[str, Field(min_length=1)]
    format: Format
    columns: Columns | None = None
