"""Tokens a second and model FLOP utilisation of training the decoder at a given size on a given device.

Run from the root of the repository: python benchmarks/model_flops.py --device cuda
The default size is 12 layers, 768 wide, a context of 256 steps, in bfloat16. A step is all of it: gathering the batch, moving it,
forward and backward pass, clipping, AdamW. A row of the batch has `context` steps and two tokens a step.

FLOPs a token = 6 N + 12 L D S (Chowdhery et al., 2022, PaLM, appendix B): N weights in the matrices of the trunk, L layers,
D wide, S tokens in a row. Multiplying and adding count as two, the backward pass as twice the forward pass, attention as if no
score were masked; embeddings and heads do not count. Utilisation is FLOPs a second over the device's peak: --peak-tflops, or
else the rate of a large matrix product on that device in that format, measured here.

With --compile the same training through torch.compile alternates with it in one process. A row gives medians over the rounds.
"""

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from understudy.interface import Interface, Task
from understudy.models.action_transformer import TOKENS_PER_STEP, ActionTransformer
from understudy.params.training import TrainingParams
from understudy.scales import Scales
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.split_file import SplitWriter, map_split
from understudy.sequences.store import Sequences
from understudy.spec import EnvironmentSpec
from understudy.training.run import TrainingRun
from understudy.utils.device import resolve_device

STATE_DIM, NUM_ACTIONS, ROUNDS = 8, 4, 5
PRODUCT_WIDTH = {"cuda": 8192, "cpu": 2048}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--context", type=int, default=256, help="environment steps that a token sees, and of a row")
    parser.add_argument("--batch", type=int, default=32, help="rows")
    parser.add_argument("--steps", type=int, default=20, help="optimizer steps a round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak-tflops", type=float, help="of the device in this format; without it, measured")
    parser.add_argument("--compile", action="store_true", help="measure torch.compile beside")
    return parser.parse_args()


def random_sequences(num_rows: int, length: int) -> Sequences:
    """Episodes of `length` steps of noise, in a file that is gone with the process."""
    generator, count, numbers = np.random.default_rng(0), num_rows * length, np.arange(num_rows)
    spec = EnvironmentSpec("Noise", {}, tuple(f"x{i}" for i in range(STATE_DIM)), NUM_ACTIONS, None, None, None)
    states, actions = generator.normal(size=(count, STATE_DIM)), generator.integers(NUM_ACTIONS, size=count)
    task = Task(spec, (), Scales.identity(STATE_DIM, 0))
    episodes = {
        "episode": numbers,
        "seed": numbers,
        "length": np.full(num_rows, length),
        "terminated": numbers >= 0,
        "truncated": numbers < 0,
        "final_observation": np.zeros((num_rows, STATE_DIM)),
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "train.arrow"
        SplitWriter(path, task, episodes).write(
            observation=states,
            action=actions,
            label=actions,
            reward=np.zeros(count),
            return_to_go=generator.normal(size=count),
        )
        steps = map_split(path, task)
    return Sequences(Interface((task,)), steps, sha256="")


def training_run(options: argparse.Namespace, device: torch.device, compiled: bool) -> TrainingRun:
    torch.manual_seed(0)
    model = ActionTransformer(
        STATE_DIM,
        NUM_ACTIONS,
        embed_dim=options.width,
        num_layers=options.layers,
        num_heads=options.heads,
        hidden_dim=4 * options.width,
        max_seq_len=options.context,
        discrete_actions=True,
    ).to(device)
    params = TrainingParams(
        seeds=[0],
        threads=options.threads,
        precision=options.precision,
        steps=10**6,
        batch_size=options.batch,
        chunk_length=options.context,
        learning_rate=1e-4,
        warmup_steps=0,
        weight_decay=0.01,
        max_grad_norm=1.0,
        evaluate_every=10**6,
        patience=None,
    )
    # Long episodes: every row is full but the first and the last of each, and every batch but an epoch's last.
    sequences = random_sequences(options.batch, 64 * options.context)
    dataset = SequenceDataset(sequences, options.context, options.batch, model.reads)
    run = TrainingRun(model, dataset, params, seed=0)
    if compiled:
        run.losses = torch.compile(run.losses)
    return run


def seconds(run: TrainingRun, steps: int) -> float:
    """A step's seconds, once the device is done with all of them."""
    begun = time.perf_counter()
    for _ in range(steps):
        run.train_step()
    run.running = run.running[-1:]
    run.running[0]["loss"].item()
    return (time.perf_counter() - begun) / steps


def flops_a_token(model: ActionTransformer, tokens_a_row: int) -> float:
    matrices = sum(layer.weight.numel() for layer in model.trunk.modules() if isinstance(layer, nn.Linear))
    return 6 * matrices + 12 * len(model.trunk.blocks) * model.trunk.embed_dim * tokens_a_row


def product_rate(device: torch.device, precision: str) -> float:
    """FLOPs a second of the fastest of several products of large square matrices."""
    width = PRODUCT_WIDTH[device.type]
    left, right = (torch.randn(width, width, device=device, dtype=getattr(torch, precision)) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        begun = time.perf_counter()
        (left @ right)[0, 0].item()
        best = min(best, time.perf_counter() - begun)
    return 2 * width**3 / best


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    device = resolve_device(options.device)
    peak = options.peak_tflops * 1e12 if options.peak_tflops else product_rate(device, options.precision)
    runs = {"as it is": training_run(options, device, False)}
    if options.compile:
        runs["compiled"] = training_run(options, device, True)
    first = {name: seconds(run, 1) for name, run in runs.items()}
    for run in runs.values():
        seconds(run, 2)
    rounds = [{name: seconds(run, options.steps) for name, run in runs.items()} for _ in range(ROUNDS)]

    tokens_a_row = options.context * TOKENS_PER_STEP
    tokens, flops = options.batch * tokens_a_row, flops_a_token(runs["as it is"].model, tokens_a_row)
    measured = "given" if options.peak_tflops else "measured"
    print(
        f"{device}, {options.precision}: {options.layers} layers, {options.width} wide, {options.context} steps,",
        end=" ",
    )
    print(f"{options.batch} rows; {flops / 1e6:,.1f} MFLOPs a token; peak {peak / 1e12:,.2f} TFLOP/s ({measured})\n")
    print("| training | first step, s | step, ms | tokens/s | TFLOP/s | utilisation |\n|---|---|---|---|---|---|")
    for name in runs:
        step = statistics.median(each[name] for each in rounds)
        rate = tokens / step
        print(
            f"| {name} | {first[name]:.1f} | {1e3 * step:,.1f} | {rate:,.0f} | {rate * flops / 1e12:,.3f} "
            f"| {rate * flops / peak:.1%} |"
        )


if __name__ == "__main__":
    main()
