"""The fast loops against stable-baselines3's own, which are run on the same weights, actions and permutations."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import nn

from tests.toys import CountingEnvironment
from understudy.demonstrators import fast_ppo
from understudy.demonstrators.fast_ppo import FastPPO
from understudy.environments.replay import ReplayableEnvironment

COLUMNS = ("observations", "actions", "rewards", "episode_starts", "values", "log_probs", "advantages", "returns")
KINDS = pytest.mark.parametrize("discrete", [True, False], ids=["choices", "vectors"])
CLIP_RANGE = 0.2


def cut_short(discrete: bool, precision: type = np.float32) -> gymnasium.Env:
    """Episodes of 2 to 5 steps: those of 5 are cut off after 4, those of 4 end at the very step at which they would be."""
    toy = CountingEnvironment(vector=not discrete)
    toy.observation_space = spaces.Box(-np.inf, np.inf, (2,), precision)
    if not discrete:
        toy.action_space = spaces.Box(-1.0, 3.0, (2,), precision)
    return gymnasium.wrappers.TimeLimit(toy, 4)


def make(
    algorithm: type[PPO],
    discrete: bool,
    activation: type[nn.Module] = nn.ReLU,
    precision: type = np.float32,
    num_environments: int = 3,
    **arguments,
) -> PPO:
    """A model in the middle of its training, whose weights are as far from the beginning's as after many updates.

    With Adam's eps of 1 an update grows with its gradient, which Adam would otherwise divide out; learning rate and clip range
    are half of what they were at the beginning.
    """
    given = {
        "n_steps": 20,
        "batch_size": 16,
        "n_epochs": 3,
        "ent_coef": 0.1,
        "vf_coef": 0.7,
        "max_grad_norm": 0.3,
        "learning_rate": lambda remaining: 0.2 * remaining,
        "clip_range": lambda remaining: 2 * CLIP_RANGE * remaining,
    } | arguments
    networks = {"net_arch": [16, 24], "activation_fn": activation, "optimizer_kwargs": {"eps": 1.0}}
    environments = DummyVecEnv([lambda: ReplayableEnvironment(cut_short(discrete, precision))] * num_environments)
    model = algorithm("MlpPolicy", environments, seed=0, device="cpu", policy_kwargs=networks, **given)
    model._setup_learn(1000, CallbackList([]))
    model._current_progress_remaining = 0.5
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for values in model.policy.parameters():
            values.add_(torch.randn(values.shape, generator=generator), alpha=0.1)
        if not discrete:
            model.policy.log_std.copy_(torch.tensor([-1.0, -0.7]))
    return model


def collect(model: PPO, callback: BaseCallback | None = None) -> bool:
    """One rollout, in as many processes as the model has been given."""
    callback = CallbackList([]) if callback is None else callback
    callback.init_callback(model)
    return model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps)


def weights(model: PPO) -> dict[str, torch.Tensor]:
    return {name: values.clone() for name, values in model.policy.state_dict().items()}


def executed(model: PPO) -> list[list]:
    """What each environment was asked to do."""
    return [np.asarray(environment.unwrapped.actions).tolist() for environment in model.env.envs]


@KINDS
def test_both_begin_with_the_same_weights(discrete):
    ours, theirs = weights(make(FastPPO, discrete)), weights(make(PPO, discrete))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@KINDS
@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize("num_environments", [1, 3])
def test_a_rollout_holds_what_the_library_would_have_put_there(discrete, precision, num_environments, monkeypatch):
    """The library plays the actions that ours drew; `distribution.get_actions` is where it would draw its own."""
    ours, theirs = (
        make(kind, discrete, precision=precision, num_environments=num_environments) for kind in (FastPPO, PPO)
    )
    assert collect(ours)
    drawn = iter(torch.from_numpy(ours.rollout_buffer.actions).to(torch.int64 if discrete else torch.float32))
    kind = type(theirs.policy.action_dist)
    monkeypatch.setattr(
        kind, "get_actions", lambda self, deterministic: next(drawn).flatten() if discrete else next(drawn)
    )
    assert collect(theirs)
    for name in COLUMNS:
        mine, other = getattr(ours.rollout_buffer, name), getattr(theirs.rollout_buffer, name)
        assert mine.shape == other.shape and mine.dtype == other.dtype
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4, err_msg=name)
    assert ours.num_timesteps == theirs.num_timesteps == 20 * num_environments
    np.testing.assert_array_equal(ours._last_obs, theirs._last_obs)
    np.testing.assert_array_equal(ours._last_episode_starts, theirs._last_episode_starts)
    assert executed(ours) == executed(theirs)
    assert len(np.unique(ours.rollout_buffer.actions)) > 2
    assert discrete or ours.rollout_buffer.actions.min() < -1  # which the environment was not asked for


@KINDS
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_actions_are_those_of_the_actor(discrete, activation):
    """With next to no noise left, the action drawn is the likeliest one."""
    model = make(FastPPO, discrete, activation)
    with torch.no_grad():
        if discrete:
            model.policy.action_net.weight.mul_(1e4)
        else:
            model.policy.log_std.fill_(-20)
    assert collect(model)
    buffer = model.rollout_buffer
    with torch.no_grad():
        likeliest = model.policy.get_distribution(torch.from_numpy(buffer.observations).flatten(0, 1)).mode()
    mine = torch.from_numpy(buffer.actions).flatten(0, 1)
    torch.testing.assert_close(mine[:, 0] if discrete else mine, likeliest, rtol=1e-5, atol=1e-5)
    assert len(torch.unique(likeliest)) > 1


@KINDS
def test_a_rollout_begins_where_the_callback_may_save_and_ends_where_it_says(discrete):
    """The random state in which a training is saved is the one from which its rollout draws."""

    class Ending(BaseCallback):
        def _on_rollout_start(self) -> None:
            self.begun = torch.get_rng_state()

        def _on_step(self) -> bool:
            assert self.locals["rewards"].shape == self.locals["dones"].shape == (3,)
            return self.n_calls < 5

        def _on_rollout_end(self) -> None:
            raise AssertionError("an ended rollout")

    model, callback = make(FastPPO, discrete), Ending()
    before, actions = torch.get_rng_state(), model.rollout_buffer.actions.copy()
    assert collect(model, callback) is False
    assert torch.equal(callback.begun, before) and not torch.equal(torch.get_rng_state(), before)
    assert model.num_timesteps == 15
    assert not np.array_equal(model.rollout_buffer.actions[:5], actions[:5])
    np.testing.assert_array_equal(model.rollout_buffer.actions[5:], actions[5:])


def test_the_callback_hears_of_a_whole_rollouts_end_when_its_advantages_are_there():
    class Listening(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            self.advantages = self.model.rollout_buffer.advantages.copy()

    model, callback = make(FastPPO, discrete=True), Listening()
    assert collect(model, callback)
    np.testing.assert_array_equal(callback.advantages, model.rollout_buffer.advantages)
    assert callback.advantages.all()


def stale_rollout(model: PPO) -> None:
    """Put a rollout into the library's buffer, with log-probabilities of an actor that has since moved far.

    So probability ratios leave the clip range to both sides, with advantages of both signs.
    """
    assert collect(model)
    buffer = model.rollout_buffer
    buffer.advantages -= buffer.advantages.mean()  # the toy pays for every step
    buffer.log_probs += np.random.default_rng(0).normal(0, 0.5, buffer.log_probs.shape).astype(np.float32)
    with torch.no_grad():
        observations, actions = (torch.from_numpy(each).flatten(0, 1) for each in (buffer.observations, buffer.actions))
        log_prob = model.policy.evaluate_actions(observations, actions.squeeze(1))[1].numpy()
    ratio, positive = np.exp(log_prob - buffer.log_probs.reshape(-1)), buffer.advantages.reshape(-1) > 0
    for outside in (ratio > 1 + CLIP_RANGE, ratio < 1 - CLIP_RANGE):
        assert min((outside & positive).sum(), (outside & ~positive).sum()) > 3


def assert_updates_agree(ours: PPO, theirs: PPO, all_move: bool = True) -> None:
    """Let both learn from the library's buffer and compare all weights."""
    before = weights(theirs)
    for name in COLUMNS:
        setattr(ours.rollout_buffer, name, getattr(theirs.rollout_buffer, name).copy())
    for model in (ours, theirs):
        np.random.seed(3)
        model._logger = theirs.logger
        model.train()
    mine, other = weights(ours), weights(theirs)
    for name, values in other.items():
        assert not all_move or not torch.equal(values, before[name]), name
        torch.testing.assert_close(mine[name], values, rtol=1e-4, atol=2e-6, msg=name)
    assert ours._n_updates == theirs._n_updates == theirs.n_epochs


@KINDS
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize("batch_size", [16, 20, 59])
@pytest.mark.parametrize("max_grad_norm", [0.02, 1e6])
def test_an_update_moves_the_weights_as_the_library_does(discrete, activation, batch_size, max_grad_norm):
    """60 steps in batches of 16 leave 12 over, in batches of 59 a single one, whose advantage is not normalised.

    The smaller gradient norm shortens every gradient, the larger one none.
    """
    given = {"batch_size": batch_size, "max_grad_norm": max_grad_norm}
    ours, theirs = (make(kind, discrete, activation, **given) for kind in (FastPPO, PPO))
    stale_rollout(theirs)
    assert_updates_agree(ours, theirs)


@KINDS
@pytest.mark.parametrize("advantage", [None, 0.0, 2.0])
def test_advantages_may_be_left_as_they_are_or_all_the_same(discrete, advantage):
    """The same ones have no standard deviation by which to divide."""
    given = {"normalize_advantage": advantage is not None, "max_grad_norm": 1e6}
    ours, theirs = (make(kind, discrete, **given) for kind in (FastPPO, PPO))
    stale_rollout(theirs)
    if advantage is not None:
        theirs.rollout_buffer.advantages[:] = advantage
    assert_updates_agree(ours, theirs, all_move=advantage is None)


@KINDS
@pytest.mark.parametrize("num_environments", [3, 4])
def test_a_second_process_changes_nothing(discrete, num_environments):
    """Two rollouts of 20 steps with an update between them, and where each environment stands after them."""
    alone, together = (make(FastPPO, discrete, num_environments=num_environments) for _ in range(2))
    together.processes = 2
    for model in (alone, together):
        torch.manual_seed(1)
        np.random.seed(1)
        assert collect(model)
        model.train()
        assert collect(model)
    assert together._helper is not None and alone._helper is None
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(alone.rollout_buffer, name), getattr(together.rollout_buffer, name), name)
    for mine, theirs in zip(alone.snapshots(), together.snapshots(), strict=True):
        np.testing.assert_array_equal(mine["actions"], theirs["actions"])
    together._helper.close()


@pytest.mark.parametrize(("num_environments", "possible"), [(1, True), (3, False)])
def test_there_is_no_second_process_for_one_environment_or_where_it_cannot_be(num_environments, possible, monkeypatch):
    monkeypatch.setattr(fast_ppo.HelperProcess, "possible", staticmethod(lambda: possible))
    model = make(FastPPO, discrete=True, num_environments=num_environments)
    model.processes = 2
    assert collect(model)
    assert model._helper is None


@pytest.mark.parametrize("fails", [False, True])
def test_a_second_process_ends_with_learning(fails):
    class Watching(BaseCallback):
        def _on_step(self) -> bool:
            self.process = self.model._helper._process
            if fails:
                raise KeyError("a callback")
            return True

    model, callback = make(FastPPO, discrete=True), Watching()
    model.processes = 2
    if fails:
        with pytest.raises(KeyError, match="a callback"):
            model.learn(60, callback=callback)
    else:
        assert model.learn(60, callback=callback) is model
    assert model._helper is None and not callback.process.is_alive()
