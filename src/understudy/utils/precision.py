"""Number formats of training and of play."""

import contextlib

import torch


def resolve_precision(precision: str, device: torch.device) -> str:
    """float32 or bfloat16; "auto" is bfloat16 where the device multiplies it natively, since elsewhere it is far slower."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if native else "float32"


def autocast(precision: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """The context in which a forward pass runs: layers multiply in bfloat16, all else is float32; or float32 throughout."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
