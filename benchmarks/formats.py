"""Number formats: native_formats(), those that this processor multiplies natively, and the sentence NO_BFLOAT16 for the others.

Without native bfloat16 a matrix product in it takes minutes where float32 takes a tenth of a second, so it is not measured there.
"""

import torch

from understudy.utils.precision import resolve_precision

NO_BFLOAT16 = "this processor does not multiply bfloat16 natively"


def native_formats() -> tuple[str, ...]:
    """float32, and bfloat16 where a model would play in it of its own accord."""
    return tuple(dict.fromkeys(("float32", resolve_precision("auto", torch.device("cpu")))))
