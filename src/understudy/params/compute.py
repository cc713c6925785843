"""`compute:` in params.yaml."""

from typing import Literal

from understudy.params.section import Count, Section


class ComputeParams(Section):
    """What work is done on.

    Attributes:
        device: where students learn, and large ones play; auto takes CUDA where torch sees one.
        workers: processes that record, evaluate and step PPO's environments; results do not depend on it.
    """

    device: Literal["auto", "cpu", "cuda"]
    workers: Count
