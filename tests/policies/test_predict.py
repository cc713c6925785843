"""Policies: stable-baselines3's `predict`, with memory that belongs to its row alone.

Actions are compared with those of rows that were played alone, or with what the model says when it is asked directly.
"""

import numpy as np
import pytest
import torch

from tests.builders import refused
from tests.toys import CHOICES, CONFIGS, VECTORS, tiny_policy
from understudy.errors import DataError, ParameterError
from understudy.interface import Task
from understudy.policies.files import TrainedPolicy, save_policy
from understudy.policies.predict import Policy, PolicyState, load_policy
from understudy.spec import EnvironmentSpec
from understudy.step import Decision, Step

FAMILIES = list(CONFIGS)
SEQUENCE_FAMILIES = ["action_transformer", "hierarchical"]
SPECS = {"choices": CHOICES, "vectors": VECTORS}
STEPS, ROWS = 12, 3  # the context is 4 steps, so that its ring is filled three times

every_family = pytest.mark.parametrize("family", FAMILIES)
every_sequence_family = pytest.mark.parametrize("family", SEQUENCE_FAMILIES)
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())


def tiny(family: str, spec: EnvironmentSpec, hidden: tuple[str, ...] = ()) -> Policy:
    """A small untrained policy that predicts."""
    return Policy(tiny_policy(family, spec, hidden))


def raw(task: Task, actions: torch.Tensor) -> np.ndarray:
    """A model's actions (..., A), from -1 to 1 at the bounds, in the environment's units and within its bounds."""
    low, high = np.float32(task.environment.action_low), np.float32(task.environment.action_high)
    return np.clip((low + high) / 2 + (high - low) / 2 * actions.numpy(), low, high)


def observations(steps: int = STEPS, rows: int = ROWS, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(steps, rows, 3)).astype(np.float32)


def run(policy: Policy, seen: np.ndarray, starts: dict[int, list[int]] | None = None, deterministic=True) -> np.ndarray:
    """Actions (T, B) or (T, B, A) for observations (T, B, S); `starts` names the rows that begin anew at a step."""
    memory, actions = None, []
    for step, observation in enumerate(seen):
        begun = np.isin(np.arange(seen.shape[1]), (starts or {}).get(step, []))
        action, memory = policy.predict(observation, memory, begun, deterministic)
        actions.append(action)
    return np.stack(actions)


def assert_same_actions(first: np.ndarray, second: np.ndarray) -> None:
    """Choices are equal; vectors are equal but for the order in which a batch of another size sums."""
    assert first.dtype == second.dtype
    np.testing.assert_allclose(first, second, rtol=0, atol=0 if first.dtype == np.int64 else 1e-4)


@every_spec
@every_family
def test_actions_have_the_shape_and_the_type_of_the_space(family, spec):
    policy = tiny(family, spec)
    tail, kind = ((), np.int64) if spec.discrete_actions else ((2,), np.float32)
    batch, memory = policy.predict(observations()[0])
    single, _ = policy.predict(observations()[0, 0])
    assert isinstance(memory, PolicyState)
    assert (batch.shape, batch.dtype) == ((ROWS, *tail), kind)
    assert (single.shape, single.dtype) == (tail, kind)


@every_spec
@every_family
def test_one_environment_is_a_batch_of_one(family, spec):
    policy, seen = tiny(family, spec), observations(rows=1)
    memory, actions = None, []
    for observation in seen[:, 0]:
        action, memory = policy.predict(observation, memory)
        actions.append(action)
    np.testing.assert_array_equal(np.stack(actions), run(policy, seen)[:, 0])


@every_spec
@every_family
def test_rows_do_not_see_each_other(family, spec):
    policy, seen = tiny(family, spec), observations()
    together = run(policy, seen)
    for row in range(ROWS):
        assert_same_actions(together[:, [row]], run(policy, seen[:, [row]]))


@every_spec
@every_sequence_family
def test_the_state_carries_the_past(family, spec):
    policy, seen = tiny(family, spec), observations(steps=40)
    forgetful = np.stack([policy.predict(observation)[0] for observation in seen])
    assert_same_actions(run(policy, seen)[:1], forgetful[:1])
    assert (run(policy, seen) != forgetful).mean() > 0.1


@every_spec
@every_sequence_family
def test_actions_are_those_of_a_pass_over_the_whole_episode(family, spec):
    """The model's own forward pass, given the actions that were taken and, where there are any, the options followed."""
    policy, seen, memory, taken, followed = tiny(family, spec), observations(), None, [], []
    for observation in seen:
        action, memory = policy.predict(observation, memory)
        taken.append(action.copy())
        followed.append(memory.acting.memory.tensors.get("option", torch.zeros(ROWS)).clone())
    states = torch.from_numpy((seen - 0.25) / 0.5).transpose(0, 1)
    options = [torch.stack(followed, 1)] if family == "hierarchical" else []
    task, actions = policy.trained.task, np.stack(taken, 1)
    with torch.no_grad():
        normalised = torch.from_numpy(task.normalize_actions(actions))
        outputs = policy.trained.model(states, normalised, *options, torch.full((ROWS,), STEPS))
    preds = outputs[1] if family == "hierarchical" else outputs[0]
    assert_same_actions(actions, preds.argmax(-1).numpy() if spec.discrete_actions else raw(task, preds))


@every_spec
@every_family
def test_an_episode_start_resets_its_row_alone(family, spec):
    """Row 1 begins anew at steps 5 and 9, row 2 at step 9; row 0 never does."""
    policy, seen = tiny(family, spec), observations()
    actions = run(policy, seen, {0: [0, 1, 2], 5: [1], 9: [1, 2]})
    assert_same_actions(actions[:, [0]], run(policy, seen[:, [0]]))
    for row, start, end in ((1, 0, 5), (1, 5, 9), (1, 9, 12), (2, 0, 9), (2, 9, 12)):
        assert_same_actions(actions[start:end, [row]], run(policy, seen[start:end, [row]]))


@every_sequence_family
def test_all_rows_can_begin_anew(family):
    policy, seen = tiny(family, CHOICES), observations()
    actions = run(policy, seen, {6: [0, 1, 2]})
    np.testing.assert_array_equal(actions[6:], run(policy, seen[6:]))


@every_spec
@every_sequence_family
def test_returned_actions_stay_as_they_were_when_their_row_begins_anew(family, spec):
    policy, seen = tiny(family, spec), observations()
    action, memory = policy.predict(seen[0])
    before = action.copy()
    policy.predict(seen[1], memory, np.ones(ROWS, dtype=bool))
    np.testing.assert_array_equal(action, before)


@every_spec
@every_sequence_family
def test_a_caller_may_change_the_arrays_it_gave_and_got(family, spec):
    policy, memory = tiny(family, spec), None
    undisturbed = run(policy, observations())
    for step, observation in enumerate(observations()):
        action, memory = policy.predict(observation, memory)
        assert_same_actions(action, undisturbed[step])
        action[:] = 1 - action
        observation[:] = 9


@every_spec
@every_family
def test_drawn_actions_are_the_same_again_from_a_policy_made_anew(family, spec):
    policy, seen = tiny(family, spec), observations(steps=30)
    drawn = run(policy, seen, deterministic=False)
    again = tiny(family, spec)
    torch.manual_seed(99)
    np.testing.assert_array_equal(run(again, seen, deterministic=False), drawn)
    same_as_the_likeliest = (drawn == run(policy, seen)).mean()
    expert_of_vectors = family == "expert" and not spec.discrete_actions  # it has no spread
    assert (same_as_the_likeliest == 1) if expert_of_vectors else (same_as_the_likeliest < 0.95)


def test_a_state_draws_other_actions_at_every_step():
    policy, seen = tiny("mlp", CHOICES), np.repeat(observations(rows=1)[:1], 60, axis=0)
    assert len(np.unique(run(policy, seen, deterministic=False))) > 1


def test_a_policy_that_draws_by_the_episodes_seed_draws_each_episode_anew():
    """So does the Trajectory Transformer that is asked for a sample: in every row, and in the rows' next episodes."""
    policy = Policy(tiny_policy("trajectory_transformer", CHOICES), {"decoding": "sample"})
    seen, memory, drawn = np.repeat(observations()[0, :1], 200, axis=0), None, []
    for begins in (True, False, True, False):
        action, memory = policy.predict(seen, memory, np.full(200, begins and memory is not None))
        drawn.append(action)
    assert len(np.unique(drawn[1])) > 1  # its first choice is nearly certain
    assert not np.array_equal(drawn[1], drawn[3])
    memory = policy.predict(seen)[1]
    assert np.array_equal(policy.predict(seen, memory)[0], drawn[1])  # a state anew begins anew


def test_calls_without_a_state_draw_other_actions_each_time():
    policy, seen = tiny("mlp", CHOICES), observations(rows=1)[0]
    assert len({int(policy.predict(seen, deterministic=False)[0][0]) for _ in range(60)}) > 1


def test_drawn_choices_have_the_predicted_chances():
    policy = tiny("mlp", CHOICES)
    seen = np.repeat(observations()[0, :1], 20_000, axis=0)
    with torch.no_grad():
        chances = policy.trained.model(torch.from_numpy((seen[0] - 0.25) / 0.5))[0].softmax(-1)
    drawn = policy.predict(seen, deterministic=False)[0]
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 20_000, chances, atol=0.015)
    assert (chances > 0.05).sum() > 1


def test_drawn_vectors_have_the_predicted_mean_and_spread():
    policy = tiny("mlp", VECTORS)
    seen = np.repeat(observations()[0, :1], 20_000, axis=0)
    model = policy.trained.model
    with torch.no_grad():
        model.action_head.predict.weight.mul_(0.02)
        model.action_head.predict.bias.copy_(torch.tensor([0.1, 0.3, -2.0, -2.0]))  # far from the bounds
        features = torch.relu(model.body(torch.from_numpy((seen[:1] - 0.25) / 0.5)))
        mean, log_std = model.action_head(features)
    drawn = policy.predict(seen, deterministic=False)[0]
    std = log_std[0].exp().numpy() * np.float32([1.0, 1.25])  # half ranges
    np.testing.assert_allclose((drawn.mean(axis=0) - raw(policy.trained.task, mean[0])) / std, 0, atol=0.04)
    np.testing.assert_allclose(drawn.std(axis=0) / std, 1, atol=0.04)


@every_family
@pytest.mark.parametrize("deterministic", [True, False])
def test_action_vectors_stay_within_their_bounds(family, deterministic):
    actions = run(tiny(family, VECTORS), 30 * observations(steps=40), deterministic=deterministic)
    low, high = np.float32([-1.0, -2.0]), np.float32([1.0, 0.5])
    assert (actions >= low).all() and (actions <= high).all()
    assert (actions == low).any() and (actions == high).any()


# Their actions are bins, of which the first is as good as any.
OF_BINS = ("trajectory_transformer", "q_transformer")


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in ("expert", *OF_BINS)])
def test_a_student_that_has_learned_nothing_acts_in_the_middle_of_the_range(family):
    policy = tiny(family, VECTORS)
    with torch.no_grad():
        for weights in policy.trained.model.parameters():
            weights.zero_()
    assert (run(policy, observations(steps=3)) == np.float32([0.0, -0.75])).all()


def test_the_likeliest_action_is_that_of_the_normalised_observation():
    """The toy's scales are a mean of 0.25 and a deviation of 0.5."""
    policy, seen = tiny("mlp", CHOICES), observations(rows=50)[0]
    with torch.no_grad():
        expected = policy.trained.model(torch.from_numpy((seen - 0.25) / 0.5))[0].argmax(-1)
    np.testing.assert_array_equal(policy.predict(seen)[0], expected)


@every_family
def test_hidden_components_do_not_matter_and_visible_ones_do(family):
    policy, seen = tiny(family, CHOICES, hidden=("y",)), observations(steps=40)
    actions = run(policy, seen)
    np.testing.assert_array_equal(run(policy, seen * [1, -5, 1]), actions)
    assert (run(policy, seen * [-5, 1, 1]) != actions).any()
    assert (run(policy, seen * [1, 1, -5]) != actions).any()


@pytest.mark.parametrize("shape", [(4,), (2,), (3, 2), (2, 4), (1, 2, 3), ()])
def test_an_observation_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"^observation: expected shape \(3,\) or \(rows, 3\), got \("):
        tiny("mlp", CHOICES).predict(np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.filterwarnings("ignore:overflow")
def test_an_observation_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match=r"^observation: expected finite values, got (nan|inf|-inf)$"):
        tiny("mlp", CHOICES).predict(np.asarray([[0.0, 0.0, 0.0], [0.0, value, 0.0]]))


@every_family
def test_another_number_of_rows_than_before_is_refused(family):
    policy = tiny(family, CHOICES)
    memory = policy.predict(np.zeros((2, 3)))[1]
    for shape, rows in (((3, 3), 3), ((3,), 1)):
        with pytest.raises(ValueError, match=f"^observation: expected 2 rows as before, got {rows}$"):
            policy.predict(np.zeros(shape), memory)


@pytest.mark.parametrize("state", [(), (np.zeros(3),), "state", np.zeros(2)], ids=repr)
def test_a_state_of_another_kind_is_refused(state):
    with pytest.raises(ValueError, match=r"^state: expected what the last call returned, got "):
        tiny("mlp", CHOICES).predict(np.zeros((2, 3)), state)


@pytest.mark.parametrize(
    ("family", "other"),
    [("action_transformer", "mlp"), ("hierarchical", "action_transformer"), ("action_transformer", "hierarchical")],
)
def test_the_state_of_another_policy_is_refused(family, other):
    foreign = tiny(other, CHOICES).predict(np.zeros((2, 3)))[1]
    with pytest.raises(ValueError, match=r"^state: "):
        tiny(family, CHOICES).predict(np.zeros((2, 3)), foreign)


@pytest.mark.parametrize("starts", [[True], [True] * 3, [[True, False]], []], ids=repr)
def test_episode_starts_of_another_shape_are_refused(starts):
    with pytest.raises(ValueError, match=r"^episode_start: expected shape \(2,\), got \("):
        tiny("mlp", CHOICES).predict(np.zeros((2, 3)), None, np.asarray(starts, bool))


# What the model is told beside the observation


class Noting:
    """A model that notes what it is told; its action is 3, or (1, -1)."""

    def __init__(self, trained: TrainedPolicy) -> None:
        self.model, self.discrete, self.told = trained.model, trained.task.discrete_actions, []

    def parameters(self):
        return self.model.parameters()

    def buffers(self):
        return self.model.buffers()

    def begin(self, num_rows: int):
        return self.model.begin(num_rows)

    def act(self, memory, step: Step, generator) -> Decision:
        self.told.append(step)
        rows = len(step.observation)
        return Decision(torch.full((rows,), 3) if self.discrete else torch.tensor([[1.0, -1.0]] * rows))


def noting(spec: EnvironmentSpec) -> tuple[Policy, list[Step]]:
    trained = tiny_policy("mlp", spec)
    trained.model = Noting(trained)
    return Policy(trained), trained.model.told


@every_spec
def test_the_model_is_told_of_the_step_before(spec):
    """Row 1 begins anew at the third call. What the model decided is executed, in its own units; rewards are raw."""
    policy, told = noting(spec)
    state = None
    for rewards, starts in ((None, None), ([2.5, -1.0], [False, False]), ([7.0, 9.0], [False, True]), (None, None)):
        _, state = policy.predict(observations()[0][:2], state, starts, previous_reward=rewards)
    done, nothing = (3, 0) if spec.discrete_actions else ([1.0, -1.0], [0.0, 0.0])
    assert [step.is_first.tolist() for step in told] == [[True] * 2, [False] * 2, [False, True], [False] * 2]
    assert [step.previous_reward.tolist() for step in told] == [[0, 0], [2.5, -1.0], [7.0, 0], [0, 0]]
    for step, expected in zip(told, ([nothing] * 2, [done] * 2, [done, nothing], [done] * 2), strict=True):
        np.testing.assert_allclose(step.previous_action, expected, rtol=1e-6)


def test_the_caller_s_rewards_stay_as_they_are():
    policy, _ = noting(CHOICES)
    rewards = np.ones(2, np.float32)
    policy.predict(observations()[0][:2], previous_reward=rewards)
    assert rewards.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("rewards", [[1.0], [1.0] * 3, ["a", "b"], [np.nan, 0.0], [np.inf, 0.0], 1.0], ids=str)
def test_rewards_that_are_none_are_refused_and_the_state_stays_as_it_was(rewards):
    policy, seen = tiny("action_transformer", CHOICES), observations(rows=2)
    _, state = policy.predict(seen[0])
    _, twin = policy.predict(seen[0])
    with pytest.raises(ValueError, match=r"^previous_reward: expected "):
        policy.predict(seen[1], state, np.array([True, False]), previous_reward=rewards)
    for each in seen[1:]:
        np.testing.assert_array_equal(policy.predict(each, state)[0], policy.predict(each, twin)[0])


# Play settings, threads, folders


def test_settings_of_play_reach_the_family():
    trained = tiny_policy("hierarchical", CHOICES)
    plain, shuffled = Policy(trained), Policy(trained, {"shuffle_options": True})
    options = [
        policy.predict(observations()[0])[1].acting.memory.tensors["option"].tolist() for policy in (plain, shuffled)
    ]
    assert options[1][0] == (options[0][0] + 1) % 3  # by how much is drawn by the episode's number
    assert all(one != other for one, other in zip(*options, strict=True))


def test_a_setting_of_play_that_the_family_does_not_know_is_refused(tmp_path):
    save_policy(tiny_policy("hierarchical", CHOICES), tmp_path)
    with refused(ParameterError, "hierarchical.play.shuffle: expected one of the keys shuffle_options", "did you mean"):
        load_policy(tmp_path, {"shuffle": True})


@pytest.mark.parametrize(("small", "during"), [(10**9, 1), (1, 3)])
def test_a_small_policy_acts_on_one_thread_and_leaves_their_number_as_it_was(monkeypatch, small, during):
    monkeypatch.setattr("understudy.policies.act.SMALL", small)
    policy, _ = noting(CHOICES)
    act, threads, seen = policy.trained.model.act, torch.get_num_threads(), []
    policy.trained.model.act = lambda *given: seen.append(torch.get_num_threads()) or act(*given)
    torch.set_num_threads(3)
    try:
        policy.predict(observations()[0])
        assert (seen, torch.get_num_threads()) == ([during], 3)
        with pytest.raises(DataError):
            policy.predict(1e20 * observations()[0])
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


def test_of_a_folder_of_training_seeds_the_first_is_loaded(tmp_path):
    """By number: seed_10 stands before seed_2 in the alphabet."""
    trained = {seed: tiny_policy("mlp", CHOICES, seed=seed) for seed in (10, 2, 33)}
    for seed, policy in trained.items():
        (tmp_path / f"seed_{seed}").mkdir()
        save_policy(policy, tmp_path / f"seed_{seed}")
    seen = observations(rows=50)[0]
    expected = Policy(trained[2]).predict(seen)[0]
    assert (expected != Policy(trained[10]).predict(seen)[0]).any()
    np.testing.assert_array_equal(load_policy(tmp_path).predict(seen)[0], expected)
    np.testing.assert_array_equal(
        load_policy(str(tmp_path / "seed_10")).predict(seen)[0], Policy(trained[10]).predict(seen)[0]
    )


def test_a_folder_of_a_seed_that_is_no_number_is_refused(tmp_path):
    for name in ("seed_1", "seed_one"):
        (tmp_path / name).mkdir()
    with refused(DataError, f"{tmp_path / 'seed_one'}: expected a folder called seed_ and a number, got seed_one"):
        load_policy(tmp_path)
