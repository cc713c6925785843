"""Which device a name means, on machines with and without CUDA."""

import pytest
import torch

from tests.builders import refused
from understudy.errors import ParameterError
from understudy.utils.device import resolve_device


@pytest.mark.parametrize(
    ("name", "available", "expected"),
    [
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_a_name_means_a_device(name: str, available: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert resolve_device(name) == torch.device(expected)


def test_cuda_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with refused(ParameterError, "compute.device: expected", "got cuda where torch sees none"):
        resolve_device("cuda")
