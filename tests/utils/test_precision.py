"""Number formats: which one is meant by each name, and what a forward pass then computes in."""

import pytest
import torch

from understudy.utils.precision import autocast, resolve_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def pretend_processor(monkeypatch: pytest.MonkeyPatch, avx512_bf16: bool, amx: bool) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_named_format_is_taken_at_its_word(precision: str, native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_processor(monkeypatch, native, native)
    assert resolve_precision(precision, CPU) == precision


@pytest.mark.parametrize(
    ("avx512_bf16", "amx", "expected"),
    [(True, False, "bfloat16"), (False, True, "bfloat16"), (True, True, "bfloat16"), (False, False, "float32")],
)
def test_auto_is_half_precision_where_the_processor_multiplies_it(
    avx512_bf16: bool, amx: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_processor(monkeypatch, avx512_bf16, amx)
    assert resolve_precision("auto", CPU) == expected


@pytest.mark.parametrize(("supported", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_asks_the_gpu_and_not_the_processor(
    supported: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_processor(monkeypatch, not supported, not supported)
    # Without hardware for it a GPU emulates bfloat16, which does not count.
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: supported or including_emulation
    )
    assert resolve_precision("auto", CUDA) == expected


@pytest.mark.parametrize(("precision", "product"), [("bfloat16", torch.bfloat16), ("float32", torch.float32)])
def test_matrix_products_are_in_the_format_and_weights_stay_in_float32(precision: str, product: torch.dtype) -> None:
    layer = torch.nn.Linear(4, 4)
    with autocast(precision, CPU):
        output = layer(torch.ones(2, 4))
    assert output.dtype == product
    assert layer(torch.ones(2, 4)).dtype == torch.float32
    output.float().sum().backward()
    assert layer.weight.dtype == layer.weight.grad.dtype == torch.float32
