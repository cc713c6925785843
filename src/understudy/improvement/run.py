"""A policy that goes on online: rounds of whole episodes, and of optimizer steps on recorded and new chunks.

Work                         -- what it starts with
improve(work, ...)           -- Outcome: the curve, and the episodes that it collected

A round is a pure function of the seed and of the rounds before it, so that a run which was killed goes on to the same bytes: its
episodes are kept as recordings, a folder a round, its weights, priorities and counts in one file after each round.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from understudy.episode import Episode
from understudy.errors import DataError, ParameterError
from understudy.improvement.collect import collect
from understudy.improvement.mixture import MixedReplay, chunks_of, part_sizes
from understudy.models.family import Family
from understudy.params.improvement import ImprovementParams
from understudy.params.training import TrainingParams
from understudy.policies.files import TrainedPolicy
from understudy.rollouts.parquet import open_recording, write_recording
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.growing import growing
from understudy.sequences.store import Sequences
from understudy.training.learner import Learner
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import load_state, save_state
from understudy.utils.progress import progress_bar


@dataclass(frozen=True)
class Work:
    """What a run starts with.

    Attributes:
        policy: which is improved in place, on its device.
        recorded: episodes of the demonstrator, of which a share of each batch comes; not read where the share is 0.
        params: how.
        training: how it learns, with what is another online.
        play: settings of the family's play, in evaluations.
        seed: of chunks and of what losses draw.
        name: of the run, for the progress bar and in the recordings.
    """

    policy: TrainedPolicy
    recorded: Sequences
    params: ImprovementParams
    training: TrainingParams
    play: dict[str, Any]
    seed: int
    name: str


@dataclass
class Counts:
    """How far a run has come.

    Attributes:
        rounds: of collecting and learning.
        steps: environment steps, all agents' together counted as one.
        episodes: collected.
        updates: optimizer steps.
        evaluations: made.
        curve: a row an evaluation.
    """

    rounds: int = 0
    steps: int = 0
    episodes: int = 0
    updates: int = 0
    evaluations: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)


class ImprovementRun:
    """A run under way.

    Args:
        work: what it starts with.
        folder: where its episodes and its state are kept between two starts.

    Raises:
        DataError: there is nothing recorded where a share of it is asked for.
        ParameterError: a batch is too small to be shared out.
    """

    def __init__(self, work: Work, folder: Path) -> None:
        self.work, self.folder, self.counts = work, folder, Counts()
        self.learner = Learner(cast(Family, work.policy.model), work.training, work.seed)
        self.collected, self.history = growing(work.recorded.interface, work.recorded.sha256)
        self.returns: list[float] = []  # of the episodes since the last evaluation
        self.replay: MixedReplay | None = None  # from the first round on: of no episode nothing can be drawn
        share, size = work.params.recorded_share, work.training.batch_size
        if share > 0 and size < 2:
            raise ParameterError(
                f"{work.name}: expected training.batch_size of at least 2, since recorded_share shares it out, got {size}"
            )
        if share > 0 and work.recorded.num_episodes == 0:
            raise DataError(f"{work.name}: expected recorded episodes, of which recorded_share is {share}, got none")

    @property
    def finished(self) -> bool:
        """Whether the budget of environment steps is used up."""
        return self.counts.steps >= self.work.params.steps

    def round(self) -> None:
        """Collect, learn, and evaluate where it is time."""
        params, counts = self.work.params, self.counts
        episodes = self._episodes_of_round(counts.rounds)
        self._take_in(episodes)
        counts.steps += sum(episode.length for episode in episodes)
        due = int(params.updates_per_step * max(0, counts.steps - params.learning_starts))
        for _ in range(due - counts.updates):
            self._update()
        counts.rounds += 1
        if counts.steps >= min((counts.evaluations + 1) * params.evaluate_every, params.steps):
            self._evaluate()

    def save(self) -> None:
        """Write what `resume` needs, after a round."""
        assert self.replay is not None
        drawn, numbers = self.replay.state()
        content = {"counts": vars(self.counts), "replay": numbers, "returns": self.returns}
        save_state(self.folder / "run.safetensors", self.learner.state() | drawn, content)

    def resume(self) -> None:
        """Go on after the last round that was saved; nothing happens where none was."""
        found = load_state(self.folder / "run.safetensors")
        if found is None:
            return
        tensors, content = found
        for number in range(content["counts"]["rounds"]):
            self._take_in(list(open_recording(self._folder_of_round(number)).as_episodes()))
        assert self.replay is not None
        self.replay.resume(tensors, content["replay"])
        self.learner.resume(tensors)
        self.counts, self.returns = Counts(**content["counts"]), content["returns"]

    def episodes(self) -> Iterator[Episode]:
        """All that have been collected, in order."""
        for number in range(self.counts.rounds):
            yield from open_recording(self._folder_of_round(number)).as_episodes()

    def _folder_of_round(self, number: int) -> Path:
        return self.folder / f"round_{number:06d}"

    def _episodes_of_round(self, number: int) -> list[Episode]:
        """Those that an earlier start has played, or new ones; what is read is what was written, to the bit."""
        folder, params = self._folder_of_round(number), self.work.params
        if not folder.exists():
            first = params.first_seed + number * params.episodes_per_round
            seeds = range(first, first + params.episodes_per_round)
            noise = 1.0 if self.counts.steps < params.learning_starts else params.noise_after(self.counts.steps)
            self.work.policy.model.eval()
            with replace_folder(folder) as unfinished:
                episodes = collect(self.work.policy, self.work.play | params.play, seeds, noise)
                write_recording(unfinished, self.work.policy.task.environment, self.work.name, episodes)
        return list(open_recording(folder).as_episodes())

    def _take_in(self, episodes: list[Episode]) -> None:
        self.history.append(episodes)
        self.counts.episodes += len(episodes)
        self.returns += [episode.total_return for episode in episodes]
        if self.replay is None:
            self.replay = self._new_replay()
        else:
            self.replay.extend("collected")

    def _new_replay(self) -> MixedReplay:
        work, model = self.work, self.learner.model
        updates = max(1, int(work.params.updates_per_step * work.params.steps))
        recorded, new = part_sizes(work.training.batch_size, work.params.recorded_share)
        parts = {}
        halves = (("recorded", work.recorded, recorded), ("collected", self.collected, new))
        for number, (name, sequences, size) in enumerate(halves):
            if size:
                shape = (work.training.chunk_length, size, model.reads, model.burn_in, model.look_ahead)
                dataset = SequenceDataset(sequences, *shape)
                # A seed of its own: with one alike, both would draw from the same place of their sums.
                parts[name] = chunks_of(dataset, work.training, 2 * work.seed + number, updates)
        return MixedReplay(parts, work.training.replay == "prioritized")

    def _update(self) -> None:
        assert self.replay is not None
        training, counts = self.work.training, self.counts
        warmth = min(1.0, (counts.updates + 1) / max(1, training.warmup_steps))
        self.learner.model.train()
        update = self.learner.update(self.replay.draw(), training.learning_rate * warmth)
        self.replay.learn(update)
        counts.updates += 1

    def _evaluate(self) -> None:
        """Play on the seeds of evaluations, and note what came of it and of the episodes since the last time."""
        work, counts = self.work, self.counts
        work.policy.model.eval()
        if not all(bool(torch.isfinite(weights).all()) for weights in work.policy.model.parameters()):
            raise DataError(
                f"{work.name}: expected finite weights, got others after {counts.steps} steps; a smaller"
                " learning_rate may help"
            )
        played = collect(work.policy, work.play, work.params.evaluation_seeds, 0.0)
        returns = [episode.total_return for episode in played]
        row = {"steps": counts.steps, "episodes": counts.episodes, "updates": counts.updates}
        means = {"return_mean": float(np.mean(returns)), "collected_return_mean": float(np.mean(self.returns))}
        counts.curve.append(row | means)
        counts.evaluations, self.returns = counts.steps // work.params.evaluate_every, []


def improve(work: Work, folder: Path) -> ImprovementRun:
    """Let a policy act and learn until its environment steps are used up, with a progress bar.

    Args:
        work: what it starts with; the policy's model is then what it has become, in evaluation mode.
        folder: of checkpoints. A run that was killed goes on after its last round, to the same bytes.

    Raises:
        DataError, ParameterError: as of ImprovementRun, or the weights are not finite.
    """
    torch.set_num_threads(work.training.threads)
    run = ImprovementRun(work, folder)
    run.resume()
    with progress_bar(work.params.steps, work.name, "step") as bar:
        bar.update(min(run.counts.steps, work.params.steps))
        while not run.finished:
            run.round()
            run.save()
            bar.update(min(run.counts.steps, work.params.steps) - bar.n)
            if run.counts.curve:
                bar.set_postfix_str(f"return {run.counts.curve[-1]['return_mean']:.0f}", refresh=False)
    work.policy.model.eval()
    return run
