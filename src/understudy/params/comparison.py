"""`comparison:` in params.yaml."""

from typing import Annotated

from pydantic import Field

from understudy.params.section import Section, Seed


class ComparisonParams(Section):
    """How policies are compared.

    Attributes:
        seed: of the bootstrap.
        resamples: of the bootstrap.
        confidence: of the intervals.
        baseline: the policy that the others have to beat; None for none.
        differences: pairs of policies whose difference of scores is reported.
    """

    seed: Seed
    resamples: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0, lt=1)]
    baseline: str | None
    differences: list[Annotated[list[str], Field(min_length=2, max_length=2)]]

    def check_policies(self, names: list[str]) -> None:
        """Raise a ValueError where one that is compared is none of the policies `names`."""
        known = ", ".join(names)
        if self.baseline is not None and self.baseline not in names:
            raise ValueError(
                f"comparison.baseline: expected one of the policies {known}, or null, got {self.baseline!r}"
            )
        for name in (name for pair in self.differences for name in pair):
            if name not in names:
                raise ValueError(f"comparison.differences: expected pairs of the policies {known}, got {name!r}")
