"""Attention under a window mask, ours against torch's fused kernel: milliseconds of forward and backward, and their ratio.

Run from the root of the repository: python -m benchmarks.attention
Sizes are those of a training batch of the default decoder: 32 rows of 64 steps with 2 tokens each, 4 heads of width 32 that
share their keys and values, context 20.
Both kernels alternate in one process; a row gives medians over the rounds, and the ratio's median with its quartiles.
"""

import statistics
import time

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.formats import NO_BFLOAT16, native_formats
from understudy.nn.attention import as_bias, window_mask
from understudy.nn.dot_product import attend

ROWS, HEADS, STEPS, TOKENS, WIDTH, CONTEXT = 32, 4, 64, 2, 32, 20
ROUNDS, WARM_UP, THREADS = 30, 5, 2
FORMATS = {
    "float32": (torch.float32, torch.float32),
    "bfloat16": (torch.bfloat16, torch.bfloat16),
    "bfloat16, attention in float32": (torch.bfloat16, torch.float32),
}

ALLOWED = window_mask(torch.arange(STEPS).repeat_interleave(TOKENS), CONTEXT)
BIAS = as_bias(ALLOWED)


def ours(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """(B, L, H * K) of queries (B, L, H, K), and keys and values (B, 1, L, K)."""
    return attend(query, key, value, BIAS)


def fused(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same by torch's kernel, which wants as many heads of keys as of queries."""
    shared = (each.expand(-1, HEADS, -1, -1) for each in (key, value))
    mixed = functional.scaled_dot_product_attention(query.transpose(1, 2), *shared, attn_mask=ALLOWED)
    return mixed.transpose(1, 2).flatten(2)


def milliseconds(attention, dtype: torch.dtype, attends_in: torch.dtype) -> float:
    """Of attention forward and backward, for tensors of `dtype` that are turned into another for it and back."""
    length = STEPS * TOKENS
    shapes = [(ROWS, length, HEADS, WIDTH), (ROWS, 1, length, WIDTH), (ROWS, 1, length, WIDTH)]
    inputs = [torch.randn(shape).to(dtype).requires_grad_() for shape in shapes]
    gradient = torch.ones(ROWS, length, HEADS * WIDTH, dtype=dtype)
    begun = time.perf_counter()
    attention(*(each.to(attends_in) for each in inputs)).to(dtype).backward(gradient)
    return 1e3 * (time.perf_counter() - begun)


def main() -> None:
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    print("| number format | ours, ms | fused, ms | fused / ours [quartiles] |\n|---|---|---|---|")
    for name, dtypes in FORMATS.items():
        if name.split(",")[0] not in native_formats():
            print(f"| {name} | not measured: {NO_BFLOAT16} | | |")
            continue
        rounds = [(milliseconds(ours, *dtypes), milliseconds(fused, *dtypes)) for _ in range(ROUNDS + WARM_UP)]
        rounds = rounds[WARM_UP:]
        first, second = (statistics.median(times) for times in zip(*rounds, strict=True))
        low, middle, high = statistics.quantiles([theirs / own for own, theirs in rounds], n=4)
        print(f"| {name} | {first:.1f} | {second:.1f} | {middle:.2f} [{low:.2f}, {high:.2f}] |")


if __name__ == "__main__":
    main()
