"""Going on online, on CartPole: what is collected, what is learned from it, and that a killed run goes on to the same bytes."""

import numpy as np
import pytest
import torch

from tests.builders import random_episodes, refused, written_store
from tests.models.rows import batch_of
from tests.training.test_loop import parameters
from understudy.environments.make import read_spec
from understudy.errors import DataError, ParameterError
from understudy.improvement import run as module
from understudy.improvement.mixture import MixedReplay, chunks_of, part_sizes
from understudy.improvement.run import ImprovementRun, Work, improve
from understudy.params.environment import EnvironmentParams
from understudy.params.improvement import ImprovementParams
from understudy.params.training import PrioritizedParams
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.growing import growing
from understudy.sequences.store import Sequences, open_sequences
from understudy.training.learner import Update

SPEC = read_spec(EnvironmentParams(id="CartPole-v1", kwargs={}))
MODEL = {"embed_dim": 8, "num_layers": 1, "num_heads": 1, "hidden_dim": 8, "max_seq_len": 64, "context": 2}
MODEL |= {"num_heads_of_values": 2}
PRIORITIZED = {"replay": "prioritized"}
PRIORITIZED |= {"prioritized": PrioritizedParams(exponent=0.6, correction=0.4, smallest_error=0.01)}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Sequences:
    episodes = random_episodes(SPEC, [30, 25, 40, 12])
    return open_sequences(written_store(tmp_path_factory.mktemp("recorded"), SPEC, episodes), "train")


def params(**changes) -> ImprovementParams:
    fields = {"policy": "q", "start": "scratch", "steps": 200, "first_seed": 2_000_000, "episodes_per_round": 3}
    fields |= {"learning_starts": 0, "updates_per_step": 0.1, "recorded_share": 0.5, "play": {"ucb": 1.0}}
    fields |= {"noise": 0.0, "final_noise": 0.0, "noise_steps": 1, "training": {}, "evaluate_every": 100}
    fields |= {"evaluation_episodes": 2, "evaluation_first_seed": 3_000_000}
    return ImprovementParams(**(fields | changes))


def work(recorded: Sequences, training: dict | None = None, **changes) -> Work:
    torch.manual_seed(0)
    policy = TrainedPolicy(
        build_model("q_transformer", MODEL, recorded.interface, "q"), "q_transformer", MODEL, recorded.interface
    )
    return Work(policy, recorded, params(**changes), parameters(**(training or {})), {}, 5, "ucb")


def collected_as(monkeypatch) -> list[tuple[dict, list[int], float]]:
    """Notes of each time that episodes are played: settings, seeds, chance of a random action."""
    noted, real = [], module.collect

    def collect(policy, how, seeds, noise):
        noted.append((dict(how), list(seeds), noise))
        return real(policy, how, seeds, noise)

    monkeypatch.setattr(module, "collect", collect)
    return noted


def test_environment_steps_are_the_budget_and_rounds_end_with_their_episodes(recorded, tmp_path, monkeypatch) -> None:
    noted = collected_as(monkeypatch)
    run = improve(work(recorded), tmp_path)
    lengths = [episode.length for episode in run.episodes()]
    assert run.counts.steps == sum(lengths) >= 200 > sum(lengths[:-3])
    assert run.counts.updates == int(0.1 * run.counts.steps)
    assert (run.counts.episodes, run.counts.rounds) == (len(lengths), len(lengths) // 3)
    rounds = [each for each in noted if each[0]]
    assert [seeds for _, seeds, _ in rounds] == [
        list(range(first, first + 3)) for first in range(2_000_000, 2_000_000 + len(lengths), 3)
    ]
    assert all(how == {"ucb": 1.0} for how, _, _ in rounds)
    assert [(how, seeds, noise) for how, seeds, noise in noted if not how] == [({}, [3_000_000, 3_000_001], 0.0)] * len(
        run.counts.curve
    )
    curve = run.counts.curve
    assert len(curve) == 2 and curve[0]["steps"] >= 100 and curve[-1]["steps"] == run.counts.steps
    paid = [episode.total_return for episode in run.episodes()]
    second = paid[int(curve[0]["episodes"]) :]
    assert curve[1]["collected_return_mean"] == pytest.approx(float(np.mean(second)))


def test_what_was_executed_is_what_is_demonstrated_and_learned_from(recorded, tmp_path) -> None:
    run = improve(work(recorded, noise=1.0, final_noise=1.0), tmp_path)
    for number, episode in enumerate(run.episodes()):
        assert np.array_equal(episode.actions, episode.demonstrated_actions)
        steps = slice(*run.collected.offsets[number : number + 2])
        assert np.array_equal(run.collected.actions[steps], episode.actions)
        assert np.array_equal(run.collected.labels[steps], episode.actions)


def test_noise_falls_and_is_all_until_learning_starts(recorded, tmp_path, monkeypatch) -> None:
    falling = params(noise=1.0, final_noise=0.2, noise_steps=100)
    assert [falling.noise_after(steps) for steps in (0, 50, 100, 1000)] == pytest.approx([1.0, 0.6, 0.2, 0.2])
    noted = collected_as(monkeypatch)
    run = improve(work(recorded, learning_starts=100, noise=0.5, final_noise=0.25, noise_steps=200), tmp_path)
    steps, lengths = 0, [episode.length for episode in run.episodes()]
    for number, (_, _, noise) in enumerate([each for each in noted if each[0]]):
        assert noise == pytest.approx(1.0 if steps < 100 else 0.5 - 0.25 * min(1.0, steps / 200))
        steps += sum(lengths[3 * number : 3 * number + 3])
    assert run.counts.updates == int(0.1 * (steps - 100))


@pytest.mark.parametrize(("share", "sizes"), [(0.5, (4, 4)), (0.0, (0, 8)), (0.01, (1, 7)), (0.99, (7, 1))])
def test_a_part_of_each_batch_is_recorded_and_the_rest_is_new(recorded, tmp_path, monkeypatch, share, sizes) -> None:
    assert part_sizes(8, share) == sizes
    run, batches = ImprovementRun(work(recorded, recorded_share=share), tmp_path), []
    real = run.learner.update
    monkeypatch.setattr(run.learner, "update", lambda batch, rate: (batches.append(batch), real(batch, rate))[1])
    run.round()
    old = recorded.task.normalize_states(recorded.states)
    assert batches
    for batch in batches:
        is_old = [any((row[0].numpy() == old).all(1)) for row in batch["observation"]]
        assert is_old == [True] * sizes[0] + [False] * sizes[1]
        assert batch.row_weights.tolist() == [1.0] * 8  # all are drawn alike


@pytest.mark.parametrize("training", [{}, PRIORITIZED], ids=["uniform", "prioritized"])
@pytest.mark.parametrize("moment", ["saved", "collected"])
def test_killed_and_started_again_it_comes_to_the_same_bytes(recorded, tmp_path, monkeypatch, training, moment) -> None:
    """Killed after its second round was saved, or in its third one before anything was learned of it."""
    whole = improve(work(recorded, training), tmp_path / "whole")
    real, saves = ImprovementRun.save, []

    def save(run: ImprovementRun) -> None:
        if moment == "collected" and len(saves) == 2:
            raise KeyboardInterrupt
        real(run)
        saves.append(run.counts.rounds)
        if moment == "saved" and len(saves) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(ImprovementRun, "save", save)
    with pytest.raises(KeyboardInterrupt):
        improve(work(recorded, training), tmp_path / "killed")
    monkeypatch.setattr(ImprovementRun, "save", real)
    resumed = improve(work(recorded, training), tmp_path / "killed")
    assert resumed.counts == whole.counts and whole.counts.rounds > 3
    for name, weights in whole.learner.state().items():
        assert torch.equal(resumed.learner.state()[name], weights), name
    for one, other in zip(whole.replay.state()[0].values(), resumed.replay.state()[0].values(), strict=True):
        assert torch.equal(one, other)
    files = sorted(file.relative_to(tmp_path / "whole") for file in (tmp_path / "whole").rglob("*.parquet"))
    assert all((tmp_path / "whole" / file).read_bytes() == (tmp_path / "killed" / file).read_bytes() for file in files)


def test_priorities_follow_the_errors_of_their_own_rows(recorded) -> None:
    """The first half of the errors is the recordings', the second that of what is new."""
    new, split = growing(recorded.interface, recorded.sha256)
    split.append(random_episodes(SPEC, [20, 20]))
    training = parameters(batch_size=6, **PRIORITIZED)
    columns = frozenset({"observation"})
    parts = {
        name: chunks_of(SequenceDataset(each, 8, 3, columns), training, 0, 10)
        for name, each in (("recorded", recorded), ("collected", new))
    }
    replay = MixedReplay(parts, True)
    batch = replay.draw()
    assert isinstance(batch, Batch) and len(batch.mask) == 6
    chosen = {name: sample.chunks for name, (sample, _) in replay._drawn.items()}
    replay.learn(Update({}, torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), slice(0, 6)))
    for name, first in (("recorded", 1.0), ("collected", 4.0)):
        expected = {int(chunk): (first + place + 0.01) ** 0.6 for place, chunk in enumerate(chosen[name])}
        for chunk, value in expected.items():
            assert parts[name].priorities.values[chunk] == pytest.approx(value)
    alike = MixedReplay(parts, False)
    before = parts["recorded"].priorities.values.copy()
    alike.draw()
    alike.learn(Update({}, torch.ones(6), slice(0, 6)))
    assert parts["recorded"].priorities.values.tolist() == before.tolist()


def test_rows_of_two_batches_stand_one_after_the_other() -> None:
    made = [
        Batch(
            **vars(batch_of(torch.tensor([3, 2]), observation=torch.full((2, 3, 1), value)))
            | {"row_weights": torch.full((2,), value)}
        )
        for value in (1.0, 2.0)
    ]
    both = made[0].followed_by(made[1])
    assert both["observation"][:, 0, 0].tolist() == both.row_weights.tolist() == [1.0, 1.0, 2.0, 2.0]
    assert both.seq_lens.tolist() == [3, 2, 3, 2] and both.mask.shape == both.value_mask.shape == (4, 3)


def test_what_cannot_be_drawn_from_is_refused(recorded, tmp_path) -> None:
    empty, _ = growing(recorded.interface, recorded.sha256)
    with refused(DataError, "ucb: expected recorded episodes, of which recorded_share is 0.5, got none"):
        ImprovementRun(work(empty), tmp_path)
    with refused(
        ParameterError, "ucb: expected training.batch_size of at least 2, since recorded_share shares it out, got 1"
    ):
        ImprovementRun(work(recorded, {"batch_size": 1}), tmp_path)


def test_weights_that_are_not_finite_end_it(recorded, tmp_path) -> None:
    run = ImprovementRun(work(recorded), tmp_path)
    with torch.no_grad():
        run.learner.model.network.heads[0].bias.fill_(float("nan"))
    with refused(DataError, "ucb: expected finite weights, got others after 0 steps; a smaller learning_rate may help"):
        run._evaluate()
