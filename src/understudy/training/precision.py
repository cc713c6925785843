"""Number formats of training."""

import contextlib

import torch


def resolve_precision(precision: str) -> str:
    """float32 or bfloat16; "auto" is bfloat16 where the processor multiplies it natively, since elsewhere it is far slower."""
    if precision != "auto":
        return precision
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if native else "float32"


def autocast(precision: str) -> contextlib.AbstractContextManager:
    """The context in which a forward pass runs: matrix products in bfloat16 and all else in float32, or float32 throughout."""
    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")
