"""`sequences:` in params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from understudy.params.section import Count, Section, Seed


class SequenceParams(Section):
    """What students learn from.

    Attributes:
        seed: which episodes are held out, and in which order the others are taken.
        demonstrations: how many training episodes to use; None takes all that are not held out.
        validation_fraction: share of the episodes held out.
        hide: observation components that the students do not see.
        split_by: what is held out whole: all episodes of a task, or of a group, of which runs.json beside the recording tells;
            None for each episode on its own.
    """

    seed: Seed
    demonstrations: Count | None
    validation_fraction: Annotated[float, Field(gt=0, lt=1)]
    hide: list[str]
    split_by: Literal["task", "group"] | None = None
