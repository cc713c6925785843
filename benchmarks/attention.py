"""Attention under a window mask, written out against torch's fused kernel: milliseconds of forward and backward, and their ratio.

Run from the root of the repository: python benchmarks/attention.py
Sizes are those of a training batch of the default decoder: 32 rows of 64 steps with 2 tokens each, 4 heads of width 32,
context 20.
Both kernels alternate in one process; a row gives medians over the rounds, and the ratio's median with its quartiles.
"""

import statistics
import time

import torch
from torch import Tensor
from torch.nn import functional

from understudy.nn.attention import as_bias, window_mask

ROWS, HEADS, STEPS, TOKENS, WIDTH, CONTEXT = 32, 4, 64, 2, 32, 20
ROUNDS, WARM_UP, THREADS = 30, 5, 2

ALLOWED = window_mask(torch.arange(STEPS).repeat_interleave(TOKENS), CONTEXT)
BIAS = as_bias(ALLOWED)


def written_out(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = torch.matmul(query * WIDTH**-0.5, key.transpose(-1, -2)) + BIAS
    return torch.matmul(torch.softmax(scores, dim=-1).to(value.dtype), value)


def fused(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=ALLOWED)


def milliseconds(attention, dtype: torch.dtype) -> float:
    shape = (ROWS, STEPS * TOKENS, HEADS, WIDTH)
    inputs = [torch.randn(shape).to(dtype).transpose(1, 2).requires_grad_() for _ in range(3)]
    gradient = torch.ones(ROWS, HEADS, STEPS * TOKENS, WIDTH, dtype=dtype)
    begun = time.perf_counter()
    attention(*inputs).backward(gradient)
    return 1e3 * (time.perf_counter() - begun)


def main() -> None:
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    print("| number format | written out, ms | fused, ms | fused / written out [quartiles] |\n|---|---|---|---|")
    for dtype in (torch.float32, torch.bfloat16):
        rounds = [(milliseconds(written_out, dtype), milliseconds(fused, dtype)) for _ in range(ROUNDS + WARM_UP)][
            WARM_UP:
        ]
        ours, theirs = (statistics.median(times) for times in zip(*rounds, strict=True))
        low, middle, high = statistics.quantiles([second / first for first, second in rounds], n=4)
        print(
            f"| {str(dtype).removeprefix('torch.')} | {ours:.1f} | {theirs:.1f} | {middle:.2f} [{low:.2f}, {high:.2f}] |"
        )


if __name__ == "__main__":
    main()
