"""Where tensors live.

resolve_device(name) -- auto, cpu or cuda as a torch device
"""

import os

import torch

from understudy.errors import ParameterError


def resolve_device(name: str) -> torch.device:
    """The CPU or the current CUDA device; "auto" is CUDA where torch sees such a device.

    Raises:
        ParameterError: CUDA is asked for where torch sees none; nothing else is taken in its place.
    """
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # asking must not keep forked workers from using CUDA
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ParameterError("compute.device: expected a device that is there, got cuda where torch sees none")
    return torch.device("cuda" if available and name != "cpu" else "cpu")
