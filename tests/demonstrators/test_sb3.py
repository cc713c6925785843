"""Experts: what is exported chooses as stable-baselines3's own `predict` does, on any observation."""

import re
from dataclasses import dataclass

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from tests.toys import ROOT, CountingEnvironment
from understudy.demonstrators import fast_ppo, sb3
from understudy.errors import DataError, ParameterError
from understudy.params.environment import EnvironmentParams
from understudy.params.expert import ExpertParams
from understudy.params.whole import load_params
from understudy.policies.files import TrainedPolicy, save_policy
from understudy.policies.predict import Policy, load_policy

SMALL = {
    "ppo": {"num_environments": 2, "n_steps": 32, "batch_size": 32, "n_epochs": 2},
    "a2c": {"num_environments": 2, "n_steps": 8},
    "sac": {"num_environments": 1, "learning_starts": 40, "batch_size": 16, "buffer_size": 1000},
    "td3": {"num_environments": 1, "action_noise": 0.3, "learning_starts": 40, "batch_size": 16, "buffer_size": 1000},
}
CASES = [
    ("ppo", "CartPole-v1"),
    ("a2c", "CartPole-v1"),
    ("ppo", "Pendulum-v1"),
    ("a2c", "Pendulum-v1"),
    ("sac", "Pendulum-v1"),
    ("td3", "Pendulum-v1"),
    ("sac", "Toy-v0"),
    ("td3", "Toy-v0"),
]


@dataclass
class Trained:
    """What came out, and the model of stable-baselines3 that it came from."""

    policy: TrainedPolicy
    curve: list[tuple]
    model: BaseAlgorithm


@pytest.fixture(autouse=True)
def threads_as_before():
    count = torch.get_num_threads()
    yield
    torch.set_num_threads(count)


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """Toy-v0: two-dimensional actions from -1 to 3, whose middle is not zero, and episodes of 2 to 5 steps."""
    make = EnvSpec("Toy-v0", entry_point=lambda render_mode=None: CountingEnvironment(vector=True))
    monkeypatch.setitem(gymnasium.registry, "Toy-v0", make)


def parameters(algorithm: str, steps: int = 300, **changes) -> ExpertParams:
    content = load_params(ROOT / "params.yaml").expert.model_dump()
    content[algorithm] |= SMALL[algorithm] | {key: changes.pop(key) for key in list(changes) if key in content["td3"]}
    content |= {
        "algorithm": algorithm,
        "total_steps": steps,
        "threads": 1,
        "hidden_sizes": [16, 24],
        "activation": "relu",
    } | changes
    return ExpertParams.model_validate(content)


def train(monkeypatch, expert: ExpertParams, environment_id: str, shake: float = 0.0) -> Trained:
    """Train and catch stable-baselines3's model; `shake` moves its weights before the export, so that actions differ."""
    models = []
    export = sb3._as_policy

    def catch(model: BaseAlgorithm, *rest) -> TrainedPolicy:
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for weights in model.policy.parameters():
                weights.add_(torch.randn(weights.shape, generator=generator), alpha=shake)
        models.append(model)
        return export(model, *rest)

    monkeypatch.setattr(sb3, "_as_policy", catch)
    policy, curve = sb3.train_expert(EnvironmentParams(id=environment_id, kwargs={}), expert)
    monkeypatch.setattr(sb3, "_as_policy", export)
    assert not policy.model.training
    return Trained(policy, curve, models[0])


def assert_chooses_alike(policy: Policy, model: BaseAlgorithm) -> None:
    scale = np.random.default_rng(0).choice([0.01, 1, 100], size=(500, 1))
    observations = (
        scale * np.random.default_rng(1).normal(size=(500, policy.trained.task.environment.state_dim))
    ).astype(np.float32)
    environment = policy.trained.task.environment
    ours, theirs = policy.predict(observations)[0], model.predict(observations, deterministic=True)[0]
    if policy.trained.task.discrete_actions:
        np.testing.assert_array_equal(ours, theirs)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
        np.testing.assert_array_less(-1e-6, np.minimum(ours - environment.action_low, environment.action_high - ours))
    assert len(np.unique(ours)) > 1


@pytest.mark.parametrize(("algorithm", "environment_id"), CASES)
def test_the_exported_actor_chooses_what_stable_baselines3_chooses(monkeypatch, tmp_path, algorithm, environment_id):
    trained = train(monkeypatch, parameters(algorithm), environment_id, shake=0.3)
    assert_chooses_alike(Policy(trained.policy), trained.model)
    save_policy(trained.policy, tmp_path)
    assert_chooses_alike(load_policy(tmp_path), trained.model)


def test_an_actor_with_tanh_is_exported_with_tanh(monkeypatch):
    trained = train(monkeypatch, parameters("ppo", activation="tanh"), "CartPole-v1", shake=0.3)
    assert_chooses_alike(Policy(trained.policy), trained.model)


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_the_seed_decides_the_weights(monkeypatch, algorithm):
    def weights(seed: int) -> torch.Tensor:
        policy = train(monkeypatch, parameters(algorithm, 120, seed=seed), "Pendulum-v1").policy
        return torch.cat([values.reshape(-1) for values in policy.model.state_dict().values()])

    first = weights(5)
    torch.manual_seed(123)
    assert torch.equal(weights(5), first)
    assert not torch.equal(weights(6), first)


def test_parameters_reach_stable_baselines3(monkeypatch):
    model = train(monkeypatch, parameters("ppo", learning_rate=0.5, schedule="linear", gamma=0.75), "CartPole-v1").model
    assert (model.n_steps, model.batch_size, model.n_epochs, model.n_envs, model.gamma) == (32, 32, 2, 2, 0.75)
    assert [model.lr_schedule(remaining) for remaining in (1.0, 0.5, 0.0)] == [0.5, 0.25, 0.0]
    model = train(monkeypatch, parameters("td3", 60, schedule="constant", learning_rate=0.5), "Toy-v0").model
    assert [model.lr_schedule(remaining) for remaining in (1.0, 0.0)] == [0.5, 0.5]
    assert model.action_noise._sigma.tolist() == [0.3, 0.3]


@pytest.mark.parametrize("threads", [1, 2])
def test_it_computes_in_as_many_threads_as_it_is_told(threads, monkeypatch):
    train(monkeypatch, parameters("a2c", 16, threads=threads), "CartPole-v1")
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(("processes", "started"), [(1, 0), (2, 1)])
def test_a_second_process_is_used_where_there_may_be_one(processes, started, monkeypatch):
    real, helpers = fast_ppo.HelperProcess.__init__, []

    def note(self, environments) -> None:
        helpers.append(self)
        real(self, environments)

    monkeypatch.setattr(fast_ppo.HelperProcess, "__init__", note)
    sb3.train_expert(EnvironmentParams(id="CartPole-v1", kwargs={}), parameters("ppo", 64), processes=processes)
    assert len(helpers) == started


@pytest.mark.parametrize("algorithm", ["sac", "td3"])
def test_an_algorithm_for_vectors_is_refused_for_choices(algorithm):
    expected = rf"^expert\.algorithm: expected ppo or a2c for the choices of CartPole-v1, got {algorithm}$"
    with pytest.raises(ParameterError, match=expected):
        sb3.train_expert(EnvironmentParams(id="CartPole-v1", kwargs={}), parameters(algorithm))


@pytest.mark.parametrize(
    ("algorithm", "environment_id", "rate"),
    [
        ("sac", "Pendulum-v1", 1e10),
        ("td3", "Pendulum-v1", 1e10),
        ("a2c", "Pendulum-v1", 1e3),
        ("ppo", "Pendulum-v1", 1e3),
        ("ppo", "CartPole-v1", 1e10),
    ],
)
def test_a_diverging_learning_rate_is_told_in_one_line(algorithm, environment_id, rate):
    diverging = parameters(algorithm, learning_rate=rate, schedule="constant")
    expected = (
        r"^expert: expected training to converge, got (?:numbers|weights) that are not finite after (\d+) steps;"
        r" a smaller learning rate may help$"
    )
    with pytest.raises(DataError, match=expected) as caught:
        sb3.train_expert(EnvironmentParams(id=environment_id, kwargs={}), diverging)
    assert int(re.match(expected, str(caught.value))[1]) < 300  # and not at the end


@pytest.mark.parametrize("kind", [ValueError, RuntimeError])
def test_another_error_in_training_is_not_taken_for_divergence(kind, monkeypatch):
    def fail(self) -> bool:
        raise kind("something else")

    monkeypatch.setattr(sb3.LearningCurve, "_on_step", fail)
    with pytest.raises(kind, match=r"^something else$"):
        sb3.train_expert(EnvironmentParams(id="CartPole-v1", kwargs={}), parameters("a2c"))


def test_weights_that_are_not_finite_end_the_training_as_what_they_are(monkeypatch):
    """What the curve has found is not told again as what the library stumbles over."""
    real = sb3.LearningCurve._on_rollout_start

    def spoil(self) -> None:
        with torch.no_grad():
            self.model.policy.value_net.bias[0] = float("nan")
        real(self)

    monkeypatch.setattr(sb3.LearningCurve, "_on_rollout_start", spoil)
    with pytest.raises(DataError, match="got weights that are not finite after 4 steps"):
        sb3.train_expert(EnvironmentParams(id="CartPole-v1", kwargs={}), parameters("ppo"))


def test_weights_that_become_nan_in_the_last_update_are_not_exported(monkeypatch):
    export = sb3._as_policy

    def spoil(model, *rest):
        with torch.no_grad():
            model.policy.action_net.bias[0] = float("nan")
        return export(model, *rest)

    monkeypatch.setattr(sb3, "_as_policy", spoil)
    with pytest.raises(DataError, match="got weights that are not finite at the end"):
        sb3.train_expert(EnvironmentParams(id="CartPole-v1", kwargs={}), parameters("a2c", 16))


def test_a_ppo_rollout_of_a_single_step_is_refused():
    """Its advantage cannot be normalised. The error may come from the check of params.yaml or from train_expert."""
    content = parameters("ppo").model_dump()
    content["ppo"] |= {"num_environments": 1, "n_steps": 1}
    with pytest.raises(ValueError, match="n_steps"):
        sb3.train_expert(EnvironmentParams(id="CartPole-v1", kwargs={}), ExpertParams.model_validate(content))


def test_the_learning_curve_counts_whole_episodes(monkeypatch):
    """The toy pays 1 + 2 + ... + n for n steps, so a mean return follows from the lengths; 600 steps bring 100 rows."""
    lengths = []
    real = sb3.LearningCurve._on_step

    def note(self) -> bool:
        before = self.running_length + 1
        lengths.extend(before[self.locals["dones"]].tolist())
        return real(self)

    monkeypatch.setattr(sb3.LearningCurve, "_on_step", note)
    curve = train(monkeypatch, parameters("a2c", 608), "Toy-v0").curve
    assert 80 < len(curve) <= 100
    assert [row[0] for row in curve] == sorted({row[0] for row in curve})
    assert curve[-1][0] <= 608
    counts = [row[1] for row in curve]
    assert min(counts) >= 1
    done = iter(lengths)
    for _, episodes, return_mean, length_mean in curve:
        group = [next(done) for _ in range(episodes)]
        assert length_mean == pytest.approx(np.mean(group))
        assert return_mean == pytest.approx(np.mean([length * (length + 1) / 2 for length in group]))


@pytest.mark.parametrize(("algorithm", "steps"), [("ppo", 100), ("a2c", 1000), ("sac", 450)])
def test_the_bar_ends_where_the_training_does_and_a_hundredth_is_saved_once(algorithm, steps, tmp_path, monkeypatch):
    """A rollout of ppo has 64 steps and two go beyond the end; one of a2c has 16 steps, one of sac a single step.

    What the first rollout begins with is not saved, nor what comes after the last.
    """
    bars, saves = [], []
    real = sb3.progress_bar
    monkeypatch.setattr(sb3, "progress_bar", lambda *given: bars.append(real(*given)) or bars[-1])
    monkeypatch.setattr(sb3, "save_training", lambda path, model, *_: saves.append(model.num_timesteps))
    environment = EnvironmentParams(id="Pendulum-v1", kwargs={})
    sb3.train_expert(environment, parameters(algorithm, steps), tmp_path / "training")
    assert bars[0].n == bars[0].total == steps
    rollout = {"ppo": 64, "a2c": 16, "sac": 1}[algorithm]
    begun = range(rollout, steps, rollout)
    expected = [at for at in begun if at * 100 // steps > (at - rollout) * 100 // steps]
    assert saves == expected


def test_all_that_the_curve_remembers_is_saved():
    class Plain(BaseCallback):
        def _on_step(self) -> bool:
            return True

    curve = sb3.LearningCurve(10, 2, None, print)
    given = {"total_steps", "num_environments", "bar", "save", "snapshot", "shares"}
    assert vars(curve).keys() - vars(Plain()).keys() - given == set(sb3.CURVE_STATE)


class Interrupted(Exception):
    """Stands for anything that ends a training in the middle."""


@pytest.mark.parametrize(
    ("algorithm", "environment_id", "processes", "saved"),
    [
        ("ppo", "CartPole-v1", 1, 3),
        ("ppo", "CartPole-v1", 2, 3),
        ("a2c", "CartPole-v1", 1, 3),
        ("a2c", "CartPole-v1", 1, 12),
        ("sac", "Pendulum-v1", 1, 3),
        ("td3", "Pendulum-v1", 1, 80),
    ],
)
def test_a_training_that_was_interrupted_goes_on_as_if_it_had_not_been(
    algorithm, environment_id, processes, saved, tmp_path, monkeypatch
):
    """The first and the second half in as many processes, the undisturbed training in one."""
    environment, expert = EnvironmentParams(id=environment_id, kwargs={}), parameters(algorithm)
    undisturbed, curve = sb3.train_expert(environment, expert)
    real, saves = sb3.save_training, []

    def save_and_end(path, *arguments):
        real(path, *arguments)
        saves.append(path)
        if len(saves) == saved:
            raise Interrupted

    monkeypatch.setattr(sb3, "save_training", save_and_end)
    with pytest.raises(Interrupted):
        sb3.train_expert(environment, expert, tmp_path / "training.safetensors", processes)
    monkeypatch.setattr(sb3, "save_training", real)
    resumed, resumed_curve = sb3.train_expert(environment, expert, tmp_path / "training.safetensors", processes)
    assert [tuple(row) for row in resumed_curve] == curve
    for name, weights in undisturbed.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], weights), name


def test_snapshots_are_the_expert_as_it_was():
    """After three quarters of four rollouts what a training of two ends with, since the third is played by its weights."""
    environment = EnvironmentParams(id="CartPole-v1", kwargs={})
    kept = {}
    expert = parameters("ppo", 256, schedule="constant", snapshots=[0.25, 0.75])
    finished, _ = sb3.train_expert(environment, expert, keep=kept.__setitem__)
    assert list(kept) == [0.25, 0.75]
    half, _ = sb3.train_expert(environment, parameters("ppo", 128, schedule="constant"))
    weights = [policy.model.state_dict()["actor.0.weight"] for policy in (kept[0.25], kept[0.75], half, finished)]
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[3])
    assert torch.equal(weights[1], weights[2])
    without, _ = sb3.train_expert(environment, parameters("ppo", 256, schedule="constant"))
    assert torch.equal(weights[3], without.model.state_dict()["actor.0.weight"])
