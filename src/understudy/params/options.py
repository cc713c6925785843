"""`options:` in params.yaml."""

from typing import Annotated

from pydantic import Field

from understudy.params.section import Count, NonNegative, Section, Seed


class OptionParams(Section):
    """How options are found in demonstrations.

    Attributes:
        seed: starting point of the fit.
        count: options to find.
        iterations: at most so many rounds of expectation-maximisation.
        restarts: fits from different starting points, of which the likeliest is kept.
        dwell: steps that an option is expected to last before any data is seen.
        smoothing: steps over which actions are averaged for the first guess.
        state_weight: how much an option is a region of the states, beside being a policy.
    """

    seed: Seed
    count: Annotated[int, Field(ge=2, le=1000)]
    iterations: Count
    restarts: Count
    dwell: Annotated[float, Field(gt=1, allow_inf_nan=False)]
    smoothing: Count
    state_weight: NonNegative
