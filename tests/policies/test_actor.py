"""Policies as actors of the interaction loop, and under stable-baselines3's own evaluation."""

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv

from tests.toys import CHOICES, CONFIGS, VECTORS, tiny_policy
from understudy.environments.make import describe, make_environment
from understudy.environments.play import play
from understudy.errors import ParameterError
from understudy.policies.actor import PolicyActor, load_actor, playing_device
from understudy.policies.files import TrainedPolicy, save_policy
from understudy.policies.predict import Policy, load_policy
from understudy.step import Step
from understudy.utils.precision import resolve_precision

every_family = pytest.mark.parametrize("family", CONFIGS)
OBSERVATIONS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)


def cart_poles(count: int) -> list[gymnasium.Env]:
    return [make_environment("CartPole-v1", {}) for _ in range(count)]


def cart_pole_policy(family: str) -> TrainedPolicy:
    return tiny_policy(family, describe(cart_poles(1)[0]), seed=1)


def begun(policy: TrainedPolicy, seeds: list[int], play: dict | None = None) -> PolicyActor:
    """An actor whose rows begin episodes with these seeds."""
    actor = PolicyActor(policy, play)
    actor.start(len(seeds))
    actor.reset(np.arange(len(seeds)), np.asarray(seeds))
    return actor


def told(observations: np.ndarray, actions: np.ndarray | None = None, spec=CHOICES) -> Step[np.ndarray]:
    """What rows are told: after `actions`, or at an episode's first step."""
    rows, first = len(observations), actions is None
    if first:
        actions = np.zeros(rows, np.int64) if spec.discrete_actions else np.zeros((rows, spec.action_dim), np.float32)
    return Step(observations, actions, np.zeros(rows, np.float32), np.full(rows, first))


SHUFFLED = {"shuffle_options": True}


@pytest.mark.parametrize(("family", "how"), [*((family, None) for family in CONFIGS), ("hierarchical", SHUFFLED)])
@pytest.mark.parametrize("rows", [1, 2])
def test_as_an_actor_it_plays_the_same_on_any_number_of_rows(family, how, rows):
    """CartPole's episodes of some 10 to 100 steps: rows begin anew, and leave, at different times."""
    actor = PolicyActor(cart_pole_policy(family), how)
    expected = play(actor, cart_poles(5), range(5))
    assert len({episode.length for episode in expected}) > 1
    episodes = play(actor, cart_poles(rows), range(5))
    for one, other in zip(episodes, expected, strict=True):
        np.testing.assert_array_equal(one.actions, other.actions)
        np.testing.assert_array_equal(one.options, other.options)


@pytest.mark.parametrize("spec", [CHOICES, VECTORS], ids=["choices", "vectors"])
@every_family
def test_kept_rows_go_on_where_they_were(family, spec):
    policy = tiny_policy(family, spec)
    seen = np.random.default_rng(1).normal(size=(12, 3, 3)).astype(np.float32)
    whole, kept = begun(policy, [0, 1, 2]), begun(policy, [0, 1, 2])
    actions = None
    for observations in seen[:6]:
        expected = whole.act(told(observations, actions, spec)).actions
        np.testing.assert_array_equal(kept.act(told(observations, actions, spec)).actions, expected)
        actions = expected
    kept.keep(np.asarray([2, 0]))
    for observations in seen[6:]:
        expected = whole.act(told(observations, actions, spec)).actions
        got = kept.act(told(observations[[2, 0]], actions[[2, 0]], spec)).actions
        np.testing.assert_allclose(got, expected[[2, 0]], rtol=0, atol=1e-4)
        actions = expected


def test_shuffled_options_are_rotated_by_the_seed_and_never_the_chosen_ones():
    """Of three options: even seeds take the next one, odd seeds the one after it."""
    policy, seeds = tiny_policy("hierarchical", CHOICES), list(range(40))
    chosen, played = (begun(policy, seeds, play).act(told(OBSERVATIONS)).options for play in (None, SHUFFLED))
    assert len(np.unique(chosen)) > 1
    np.testing.assert_array_equal(played, (chosen + np.asarray([1, 2] * 20)) % 3)


@pytest.mark.parametrize("family", ["mlp", "action_transformer", "expert"])
def test_families_without_options_have_none(family):
    assert begun(tiny_policy(family, CHOICES), [1, 2, 3]).act(told(OBSERVATIONS[:3])).options is None


def test_a_loaded_actor_plays_on_one_thread(tmp_path):
    policy, threads = tiny_policy("mlp", CHOICES), torch.get_num_threads()
    save_policy(policy, tmp_path)
    torch.set_num_threads(2)
    try:
        actor = load_actor(tmp_path)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
    actor.start(3)
    actor.reset(np.arange(3), np.arange(3))
    np.testing.assert_array_equal(
        actor.act(told(OBSERVATIONS[:3])).actions, Policy(policy).predict(OBSERVATIONS[:3])[0]
    )


def test_a_loaded_actor_plays_as_it_is_told(tmp_path):
    save_policy(tiny_policy("hierarchical", CHOICES), tmp_path)
    actors = [load_actor(tmp_path), load_actor(tmp_path, SHUFFLED)]
    options = []
    for actor in actors:
        actor.start(40)
        actor.reset(np.arange(40), np.zeros(40, np.int64))
        options.append(actor.act(told(OBSERVATIONS)).options)
    np.testing.assert_array_equal(options[1], (options[0] + 1) % 3)


class SeedAfterSeed(gymnasium.Wrapper):
    """Begins its episodes with the given seeds, one after the other, whatever it is asked for."""

    def __init__(self, environment: gymnasium.Env, seeds: list[int]) -> None:
        super().__init__(environment)
        self.waiting = iter(seeds)

    def reset(self, **kwargs) -> tuple[np.ndarray, dict]:
        return self.env.reset(seed=next(self.waiting, 0))


@pytest.mark.parametrize("family", ["action_transformer", "hierarchical"])
@pytest.mark.filterwarnings("ignore:Evaluation environment is not wrapped")
def test_stable_baselines3_evaluates_a_loaded_policy_as_the_interaction_loop_does(family, tmp_path):
    """Three rows, two episodes each, on the same seeds; the lengths differ, so that rows begin anew at different times."""
    save_policy(cart_pole_policy(family), tmp_path)
    policy = load_policy(tmp_path)
    played = play(PolicyActor(policy.trained), cart_poles(6), range(6))
    makers = [lambda row=row: SeedAfterSeed(cart_poles(1)[0], [row, row + 3]) for row in range(3)]
    returns, lengths = evaluate_policy(policy, DummyVecEnv(makers), n_eval_episodes=6, return_episode_rewards=True)
    assert sorted(lengths) == sorted(episode.length for episode in played)
    assert sorted(returns) == sorted(episode.total_return for episode in played)
    assert len(set(lengths)) > 2


# Without matrices that gain by it, or with actions that are the means of bins, and so the same or far from each other.
NOT_SMOOTH = ("mlp", "rvs", "expert", "trajectory_transformer", "q_transformer")


@pytest.mark.parametrize("family", [name for name in CONFIGS if name not in NOT_SMOOTH])
@torch.inference_mode()
def test_a_transformer_in_bfloat16_predicts_nearly_the_same_and_remembers_in_it(family, tmp_path):
    save_policy(tiny_policy(family, VECTORS), tmp_path)
    exact, rounded = load_actor(tmp_path), load_actor(tmp_path, precision="bfloat16")
    own = getattr(torch, resolve_precision("auto", torch.device("cpu")))
    assert load_actor(tmp_path, precision="auto").policy.model.trunk.blocks[0].down_proj.weight.dtype == own
    for actor in (exact, rounded):
        actor.start(3)
        actor.reset(np.arange(3), np.arange(3))
    assert rounded.acting.memory.cache.layers[0].ring.dtype == torch.bfloat16
    errors, actions = [], None
    for observations in np.random.default_rng(2).normal(size=(12, 3, 3)).astype(np.float32):
        step = told(observations, actions, VECTORS)  # both go on from the same actions: else errors feed on themselves
        actions = exact.act(step).actions
        errors.append(np.abs(rounded.act(step).actions - actions))
    assert 0 < np.mean(errors) < 0.01  # of actions of size one
    assert np.max(errors) < 0.1


def test_a_small_policy_plays_on_the_cpu_and_a_large_one_where_it_is_told(monkeypatch):
    policy = tiny_policy("action_transformer", CHOICES)
    assert playing_device(policy, "cuda") == torch.device("cpu")
    monkeypatch.setattr("understudy.policies.act.SMALL", 10)
    assert playing_device(policy, "cpu") == torch.device("cpu")
    if not torch.cuda.is_available():
        with pytest.raises(ParameterError, match=r"compute\.device: expected a device that is there, got cuda"):
            playing_device(policy, "cuda")
