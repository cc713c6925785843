"""Policies: stable-baselines3's `predict`, with memory that belongs to its row alone.

Actions are compared with those of rows that were played alone, or with what the model says when it is asked directly.
"""

import numpy as np
import pytest
import torch
from understudy.policy import Memory, Policy

from tests.builders import refused
from tests.toys import CHOICES, CONFIGS, VECTORS, tiny_policy
from understudy.errors import DataError

FAMILIES = list(CONFIGS)
SEQUENCE_FAMILIES = ["action_transformer", "hierarchical"]
SPECS = {"choices": CHOICES, "vectors": VECTORS}
STEPS, ROWS = 12, 3  # the context is 4 steps, so that its ring is filled three times

every_family = pytest.mark.parametrize("family", FAMILIES)
every_sequence_family = pytest.mark.parametrize("family", SEQUENCE_FAMILIES)
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())


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
    policy = tiny_policy(family, spec)
    tail, kind = ((), np.int64) if spec.discrete_actions else ((2,), np.float32)
    batch, memory = policy.predict(observations()[0])
    single, _ = policy.predict(observations()[0, 0])
    assert isinstance(memory, Memory)
    assert (batch.shape, batch.dtype) == ((ROWS, *tail), kind)
    assert (single.shape, single.dtype) == (tail, kind)


@every_spec
@every_family
def test_one_environment_is_a_batch_of_one(family, spec):
    policy, seen = tiny_policy(family, spec), observations(rows=1)
    memory, actions = None, []
    for observation in seen[:, 0]:
        action, memory = policy.predict(observation, memory)
        actions.append(action)
    np.testing.assert_array_equal(np.stack(actions), run(policy, seen)[:, 0])


@every_spec
@every_family
def test_rows_do_not_see_each_other(family, spec):
    policy, seen = tiny_policy(family, spec), observations()
    together = run(policy, seen)
    for row in range(ROWS):
        assert_same_actions(together[:, [row]], run(policy, seen[:, [row]]))


@every_spec
@every_sequence_family
def test_the_state_carries_the_past(family, spec):
    policy, seen = tiny_policy(family, spec), observations(steps=40)
    forgetful = np.stack([policy.predict(observation)[0] for observation in seen])
    assert_same_actions(run(policy, seen)[:1], forgetful[:1])
    assert (run(policy, seen) != forgetful).mean() > 0.1


@every_spec
@every_sequence_family
def test_actions_are_those_of_a_pass_over_the_whole_episode(family, spec):
    """The model's own forward pass, given the actions that were taken and, where there are any, the options followed."""
    policy, seen, memory, taken, followed = tiny_policy(family, spec), observations(), None, [], []
    for observation in seen:
        action, memory = policy.predict(observation, memory)
        taken.append(torch.from_numpy(action.copy()))
        followed.append(memory.play.memory.get("option", torch.zeros(ROWS)).clone())
    states = torch.from_numpy((seen - 0.25) / 0.5).transpose(0, 1)
    options = [torch.stack(followed, 1)] if family == "hierarchical" else []
    with torch.no_grad():
        outputs = policy.model(states, torch.stack(taken, 1), *options, torch.full((ROWS,), STEPS))
    preds = outputs[1] if family == "hierarchical" else outputs[0]
    if spec.discrete_actions:
        expected = preds.argmax(-1)
    else:
        expected = preds.clamp(torch.tensor(spec.action_low), torch.tensor(spec.action_high))
    assert_same_actions(torch.stack(taken, 1).numpy(), expected.numpy())


@every_spec
@every_family
def test_an_episode_start_resets_its_row_alone(family, spec):
    """Row 1 begins anew at steps 5 and 9, row 2 at step 9; row 0 never does."""
    policy, seen = tiny_policy(family, spec), observations()
    actions = run(policy, seen, {0: [0, 1, 2], 5: [1], 9: [1, 2]})
    assert_same_actions(actions[:, [0]], run(policy, seen[:, [0]]))
    for row, start, end in ((1, 0, 5), (1, 5, 9), (1, 9, 12), (2, 0, 9), (2, 9, 12)):
        assert_same_actions(actions[start:end, [row]], run(policy, seen[start:end, [row]]))


@every_sequence_family
def test_all_rows_can_begin_anew(family):
    policy, seen = tiny_policy(family, CHOICES), observations()
    actions = run(policy, seen, {6: [0, 1, 2]})
    np.testing.assert_array_equal(actions[6:], run(policy, seen[6:]))


@every_spec
@every_sequence_family
def test_returned_actions_stay_as_they_were_when_their_row_begins_anew(family, spec):
    policy, seen = tiny_policy(family, spec), observations()
    action, memory = policy.predict(seen[0])
    before = action.copy()
    policy.predict(seen[1], memory, np.ones(ROWS, dtype=bool))
    np.testing.assert_array_equal(action, before)


@every_spec
@every_sequence_family
def test_a_caller_may_change_the_arrays_it_gave_and_got(family, spec):
    policy, memory = tiny_policy(family, spec), None
    undisturbed = run(policy, observations())
    for step, observation in enumerate(observations()):
        action, memory = policy.predict(observation, memory)
        assert_same_actions(action, undisturbed[step])
        action[:] = 1 - action
        observation[:] = 9


@every_spec
@every_family
def test_drawn_actions_are_the_same_again_from_a_policy_made_anew(family, spec):
    policy, seen = tiny_policy(family, spec), observations(steps=30)
    drawn = run(policy, seen, deterministic=False)
    again = tiny_policy(family, spec)
    torch.manual_seed(99)
    np.testing.assert_array_equal(run(again, seen, deterministic=False), drawn)
    same_as_the_likeliest = (drawn == run(policy, seen)).mean()
    expert_of_vectors = family == "expert" and not spec.discrete_actions  # it has no spread
    assert (same_as_the_likeliest == 1) if expert_of_vectors else (same_as_the_likeliest < 0.95)


def test_a_state_draws_other_actions_at_every_step():
    policy, seen = tiny_policy("mlp", CHOICES), np.repeat(observations(rows=1)[:1], 60, axis=0)
    assert len(np.unique(run(policy, seen, deterministic=False))) > 1


def test_calls_without_a_state_draw_other_actions_each_time():
    policy, seen = tiny_policy("mlp", CHOICES), observations(rows=1)[0]
    assert len({int(policy.predict(seen, deterministic=False)[0][0]) for _ in range(60)}) > 1


def test_drawn_choices_have_the_predicted_chances():
    policy = tiny_policy("mlp", CHOICES)
    seen = np.repeat(observations()[0, :1], 20_000, axis=0)
    with torch.no_grad():
        chances = policy.model(torch.from_numpy((seen[0] - 0.25) / 0.5))[0].softmax(-1)
    drawn = policy.predict(seen, deterministic=False)[0]
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 20_000, chances, atol=0.015)
    assert (chances > 0.05).sum() > 1


def test_drawn_vectors_have_the_predicted_mean_and_spread():
    policy = tiny_policy("mlp", VECTORS)
    seen = np.repeat(observations()[0, :1], 20_000, axis=0)
    with torch.no_grad():
        policy.model.action_head.predict.weight.mul_(0.02)
        policy.model.action_head.predict.bias.copy_(torch.tensor([0.1, -0.1, -2.0, -2.0]))  # far from the bounds
        mean, log_std = policy.model.step(None, torch.from_numpy((seen[:1] - 0.25) / 0.5))
    drawn = policy.predict(seen, deterministic=False)[0]
    std = log_std[0].exp().numpy()
    np.testing.assert_allclose((drawn.mean(axis=0) - mean[0].numpy()) / std, 0, atol=0.04)
    np.testing.assert_allclose(drawn.std(axis=0) / std, 1, atol=0.04)


@every_family
@pytest.mark.parametrize("deterministic", [True, False])
def test_action_vectors_stay_within_their_bounds(family, deterministic):
    actions = run(tiny_policy(family, VECTORS), 30 * observations(steps=40), deterministic=deterministic)
    low, high = np.float32([-1.0, -2.0]), np.float32([1.0, 0.5])
    assert (actions >= low).all() and (actions <= high).all()
    assert (actions == low).any() and (actions == high).any()


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "expert"])
def test_a_student_that_has_learned_nothing_acts_in_the_middle_of_the_range(family):
    policy = tiny_policy(family, VECTORS)
    with torch.no_grad():
        for weights in policy.model.parameters():
            weights.zero_()
    assert (run(policy, observations(steps=3)) == np.float32([0.0, -0.75])).all()


def test_the_likeliest_action_is_that_of_the_normalised_observation():
    """The toy's scales are a mean of 0.25 and a deviation of 0.5."""
    policy, seen = tiny_policy("mlp", CHOICES), observations(rows=50)[0]
    with torch.no_grad():
        expected = policy.model(torch.from_numpy((seen - 0.25) / 0.5))[0].argmax(-1)
    np.testing.assert_array_equal(policy.predict(seen)[0], expected)


@every_family
def test_hidden_components_do_not_matter_and_visible_ones_do(family):
    policy, seen = tiny_policy(family, CHOICES, hidden=("y",)), observations(steps=40)
    actions = run(policy, seen)
    np.testing.assert_array_equal(run(policy, seen * [1, -5, 1]), actions)
    assert (run(policy, seen * [-5, 1, 1]) != actions).any()
    assert (run(policy, seen * [1, 1, -5]) != actions).any()


@pytest.mark.parametrize("shape", [(4,), (2,), (3, 2), (2, 4), (1, 2, 3), ()])
def test_an_observation_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"^observation: expected shape \(3,\) or \(rows, 3\), got \("):
        tiny_policy("mlp", CHOICES).predict(np.zeros(shape))


@pytest.mark.parametrize("value", [1e9, -1e9, np.inf, np.nan])
def test_an_actor_refuses_an_observation_that_is_too_large_as_bad_data(value):
    """In a worker of a stage, where only bad data is told in one sentence."""
    policy = tiny_policy("mlp", CHOICES)
    observations = np.zeros((2, 3), np.float32)
    observations[1, 2] = value
    with refused(DataError, "observation: expected values of at most 1e+08 once normalised, got"):
        policy.act(policy.new_memory(2), observations)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.filterwarnings("ignore:overflow")
def test_an_observation_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match=r"^observation: expected finite values, got (nan|inf|-inf)$"):
        tiny_policy("mlp", CHOICES).predict(np.asarray([[0.0, 0.0, 0.0], [0.0, value, 0.0]]))


@every_family
def test_another_number_of_rows_than_before_is_refused(family):
    policy = tiny_policy(family, CHOICES)
    memory = policy.predict(np.zeros((2, 3)))[1]
    for shape, rows in (((3, 3), 3), ((3,), 1)):
        with pytest.raises(ValueError, match=f"^observation: expected 2 rows as before, got {rows}$"):
            policy.predict(np.zeros(shape), memory)


@pytest.mark.parametrize("state", [(), (np.zeros(3),), "state", np.zeros(2)], ids=repr)
def test_a_state_of_another_kind_is_refused(state):
    with pytest.raises(ValueError, match=r"^state: expected what the last call returned, got "):
        tiny_policy("mlp", CHOICES).predict(np.zeros((2, 3)), state)


@pytest.mark.parametrize(
    ("family", "other"),
    [("action_transformer", "mlp"), ("hierarchical", "action_transformer"), ("action_transformer", "hierarchical")],
)
def test_the_state_of_another_policy_is_refused(family, other):
    foreign = tiny_policy(other, CHOICES).predict(np.zeros((2, 3)))[1]
    with pytest.raises(ValueError, match=r"^state: "):
        tiny_policy(family, CHOICES).predict(np.zeros((2, 3)), foreign)


@pytest.mark.parametrize("starts", [[True], [True] * 3, [[True, False]], []], ids=repr)
def test_episode_starts_of_another_shape_are_refused(starts):
    with pytest.raises(ValueError, match=r"^episode_start: expected shape \(2,\), got \("):
        tiny_policy("mlp", CHOICES).predict(np.zeros((2, 3)), None, np.asarray(starts, bool))
