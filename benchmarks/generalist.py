"""What a generalist costs beside the decoder of its sizes, by its tokens: training and playing, on rows of four tasks at once.

Run from the root of the repository: PYTHONPATH=src python -m benchmarks.generalist [--quick]
Fresh weights, the sizes of studies/generalist, float32, one thread. The decoder's rows are all of LunarLander, the generalist's a
quarter each of CartPole, Acrobot, Pendulum and LunarLander, or, as "coarse, with grids", a fifth each of these and of a level of
BabyAI, whose view is a token of its own, where minigrid is installed (the extra `tasks`). At play contexts are full. The models
alternate, round by round; ratios are of the same round.
"""

import argparse
import importlib.util
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.ratios import paired_ratios, spread
from understudy.environments.make import read_spec
from understudy.interface import Interface, raw_interface
from understudy.models.family import Family
from understudy.params.environment import EnvironmentParams
from understudy.policies.build import build_model
from understudy.sequences.batch import Batch
from understudy.step import Step

CUSTOM = Path(__file__).parents[1] / "custom"
TASKS = ("CartPole-v1", "Acrobot-v1", "Pendulum-v1", "LunarLander-v3")
GRIDS = EnvironmentParams(id="minigrid:BabyAI-GoToObj-v0", kwargs={}, wrappers=[{"name": "babyai:GridAndMission"}])
IMAGES = {"image_shape": [7, 7, 16], "patch_size": 1, "patch_dim": 64}
CONTEXT = 12
MODEL = {
    "embed_dim": 128,
    "num_layers": 3,
    "num_heads": 4,
    "num_kv_heads": 1,
    "hidden_dim": 512,
    "max_seq_len": 1024,
    "context": CONTEXT,
}


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        batch: rows and steps of a training batch.
        rows: that play side by side.
        steps: that they play for one figure, after as many as fill the context.
        rounds: of which the first does not count.
    """

    batch: tuple[int, int]
    rows: int
    steps: int
    rounds: int


FULL, QUICK = Sizes((32, 64), 128, 100, 8), Sizes((4, 8), 4, 3, 2)


@dataclass(frozen=True)
class Subject:
    """A model, and what its rows look like."""

    model: Family
    interface: Interface

    def task_ids(self, rows: int) -> Tensor:
        """The tasks (B,) of rows, each as often as the others."""
        return torch.arange(rows) % len(self.interface.tasks)

    def actions(self, *shape: int) -> Tensor:
        """Actions of rows, of whatever task."""
        if len(self.interface.tasks) == 1:
            return torch.randint(self.interface.task.action_dim, shape)
        return torch.randint(2, (*shape, max(task.num_entries for task in self.interface.tasks))).float()

    def states(self, *shape: int) -> Tensor:
        return torch.randn(*shape, max(task.state_dim for task in self.interface.tasks))


def subjects() -> dict[str, Subject]:
    """By name, the decoder first."""
    specs = [read_spec(EnvironmentParams(id=name, kwargs={})) for name in TASKS]
    alone, mixed = raw_interface(specs[-1]), Interface(tuple(raw_interface(spec).task for spec in specs))
    made = {"decoder": Subject(build("action_transformer", {}, alone), alone)}
    for tokens in ("coarse", "fine"):
        made[tokens] = Subject(build("generalist", {"tokens": tokens, "continuous_loss": "mse"}, mixed), mixed)
    if importlib.util.find_spec("minigrid") is not None:
        sys.path.append(str(CUSTOM))  # where the level's wrapper is
        grids = Interface((*mixed.tasks, raw_interface(read_spec(GRIDS)).task))
        options = {"tokens": "coarse", "continuous_loss": "mse"} | IMAGES
        made["coarse, with grids"] = Subject(build("generalist", options, grids), grids)
    return made


def build(family: str, options: dict[str, object], interface: Interface) -> Family:
    torch.manual_seed(0)
    return build_model(family, MODEL | options, interface, family)


def training_seconds(subject: Subject, rows: int, length: int) -> float:
    """Of forward, loss and backward of a batch."""
    labels, mask = subject.actions(rows, length), torch.ones(rows, length, dtype=torch.bool)
    columns = {"observation": subject.states(rows, length), "action": labels, "label": labels}
    columns |= {"return_to_go": torch.randn(rows, length), "task": subject.task_ids(rows)}
    batch = Batch(columns, torch.full((rows,), length), mask, mask)
    subject.model.train()
    begun = time.perf_counter()
    subject.model.losses(batch, torch.Generator()).objective().backward()
    return time.perf_counter() - begun


@torch.inference_mode()
def playing_seconds(subject: Subject, rows: int, steps: int) -> float:
    """Of so many steps of rows whose contexts are full."""
    memory = subject.model.eval().begin(rows)
    memory.task_ids = subject.task_ids(rows)
    states, reward, begun = subject.states(rows), torch.zeros(rows), 0.0
    previous = torch.zeros_like(subject.actions(rows))
    for number in range(CONTEXT + steps):
        if number == CONTEXT:
            begun = time.perf_counter()
        decision = subject.model.act(memory, Step(states, previous, reward, torch.full((rows,), number == 0)))
        previous = decision.actions
    return time.perf_counter() - begun


def measure(sizes: Sizes) -> dict[str, dict[str, list[float]]]:
    """Steps a second of every round that counts, by what is done and by model."""
    models = subjects()
    found: dict[str, dict[str, list[float]]] = {"training": {}, "playing": {}}
    for number in range(sizes.rounds):
        for name, subject in models.items():
            trained = sizes.batch[0] * sizes.batch[1] / training_seconds(subject, *sizes.batch)
            played = sizes.rows * sizes.steps / playing_seconds(subject, sizes.rows, sizes.steps)
            for what, rate in (("training", trained), ("playing", played)):
                found[what].setdefault(name, []).extend([rate] * (number > 0))
    return found


def table(found: dict[str, dict[str, list[float]]]) -> str:
    """Medians and ratios to the decoder, as Markdown."""
    lines = ["| | tokens | steps/s | of the decoder's pace [quartiles] |", "|---|---|---:|---:|"]
    for what, rates in found.items():
        for name, own in rates.items():
            ratio = spread(paired_ratios(own, rates["decoder"], "higher"))
            share = f"{ratio['median']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]"
            lines.append(f"| {what} | {name} | {spread(own)['median']:,.0f} | {share} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, which show that all of it runs")
    torch.set_num_threads(1)
    print(table(measure(QUICK if parser.parse_args().quick else FULL)), end="")


if __name__ == "__main__":
    main()
