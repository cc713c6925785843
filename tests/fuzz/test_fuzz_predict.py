"""Whatever is given to `predict`, it is refused in one line or answered with an action of the space; nothing is half done.

FUZZ_EXAMPLES is the number of bad inputs that all files of this folder try together.
"""

import os
import warnings
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.test_fuzz_params import fuzzed, told_at_the_end
from tests.toys import CHOICES, VECTORS, tiny_policy
from understudy.policies.act import Acting
from understudy.policies.predict import Policy

pytestmark = pytest.mark.slow
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "11000")) * 5 // 22
COUNTS = Counter()
FAMILIES = ("mlp", "action_transformer", "hierarchical")
POLICIES = {
    (family, spec): Policy(tiny_policy(family, CHOICES if spec == "choices" else VECTORS))
    for family in FAMILIES
    for spec in ("choices", "vectors")
}
WHICH = st.sampled_from(list(POLICIES))
ROWS = st.integers(1, 4)
ARGUMENTS = ("observation: ", "state: ", "episode_start: ", "previous_reward: ")
tally = told_at_the_end("predict", COUNTS)


def observations(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 3)).astype(np.float32)


def assert_in_space(policy: Policy, action: np.ndarray, shape: tuple[int, ...]) -> None:
    """Of the shape for `shape` rows, of the space's type, and within it."""
    spec = policy.trained.task.environment
    if spec.discrete_actions:
        assert (action.shape, action.dtype) == (shape, np.int64)
        assert ((action >= 0) & (action < spec.num_actions)).all()
    else:
        assert (action.shape, action.dtype) == ((*shape, spec.action_dim), np.float32)
        assert ((action >= np.float32(spec.action_low)) & (action <= np.float32(spec.action_high))).all()


def is_refused(policy: Policy, shape: tuple[int, ...], *given_values, **options) -> bool:
    """Whether the call is refused, in one line that begins with an argument's name; else its action must be right."""
    COUNTS["tried"] += 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            action, _ = policy.predict(*given_values, **options)
        except ValueError as error:
            COUNTS["refused"] += 1
            assert str(error).startswith(ARGUMENTS), str(error)
            assert len(str(error).splitlines()) == 1
            return True
    assert_in_space(policy, action, shape)
    return False


def assert_refused_without_trace(policy: Policy, rows: int, *given_values, **options) -> None:
    """A call in the middle of an episode is refused, and the calls after it go on as if it had not been made."""
    _, memory = policy.predict(observations(rows))
    _, twin = policy.predict(observations(rows))
    assert is_refused(policy, (rows,), *given_values, **({"state": memory} | options))
    again = [policy.predict(observations(rows, 1), state)[0] for state in (memory, twin)]
    np.testing.assert_array_equal(again[0], again[1])


@fuzzed(0.25, EXAMPLES)
@given(which=WHICH, rows=ROWS, shape=st.lists(st.integers(0, 5), max_size=4), deterministic=st.booleans())
def test_observations_of_wrong_shapes(which, rows, shape, deterministic):
    if shape in ([rows, 3], [3] if rows == 1 else None):
        shape = [*shape, 1]
    assert_refused_without_trace(POLICIES[which], rows, np.ones(shape), deterministic=deterministic)


@fuzzed(0.2, EXAMPLES)
@given(
    which=WHICH,
    rows=ROWS,
    value=st.sampled_from([np.nan, np.inf, -np.inf, 1e39, -1e300]),
    place=st.integers(0, 11),
    dtype=st.sampled_from([np.float32, np.float64, np.longdouble, object]),
    deterministic=st.booleans(),
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_observations_that_are_not_finite(which, rows, value, place, dtype, deterministic):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given_values = observations(rows).astype(dtype)
        given_values.reshape(-1)[place % (3 * rows)] = value
    assert_refused_without_trace(POLICIES[which], rows, given_values, deterministic=deterministic)


@fuzzed(0.15, EXAMPLES)
@given(which=WHICH, before=ROWS, after=st.integers(0, 5), start=st.booleans())
def test_rows_that_change_between_calls(which, before, after, start):
    if after == before:
        after = 6
    starts = {"episode_start": np.ones(after, bool)} if start else {}
    assert_refused_without_trace(POLICIES[which], before, observations(after), **starts)


FOREIGN = ["state", (), [], {}, 0, 1.5, True, b"state", object(), np.zeros(3), torch.zeros(3), (None, None), int]


@fuzzed(0.1, EXAMPLES)
@given(which=WHICH, other=WHICH, rows=ROWS, kind=st.sampled_from([*FOREIGN, "another's", "acting"]))
def test_states_that_are_another_s(which, other, rows, kind):
    policy = POLICIES[which]
    state = kind
    if isinstance(kind, str) and kind == "another's":
        owner = POLICIES[other] if other != which else Policy(tiny_policy(which[0], policy.trained.task.environment))
        _, state = owner.predict(observations(rows))
    elif isinstance(kind, str) and kind == "acting":
        state = Acting(policy.trained, rows, {})
    assert_refused_without_trace(policy, rows, observations(rows), state=state)


@fuzzed(0.1, EXAMPLES)
@given(which=WHICH, rows=ROWS, shape=st.lists(st.integers(0, 5), max_size=3), value=st.booleans())
def test_episode_starts_of_wrong_shapes(which, rows, shape, value):
    if shape == [rows] or (rows == 1 and shape == []):
        shape = [rows + 1]
    starts = np.full(shape, value)
    assert_refused_without_trace(POLICIES[which], rows, observations(rows), episode_start=starts)


@fuzzed(0.1, EXAMPLES)
@given(
    which=WHICH,
    rows=ROWS,
    shape=st.lists(st.integers(0, 5), max_size=3),
    value=st.sampled_from([0.0, 2, True, np.nan, np.inf, 1e39, -1e300, 1j, "1", None]),
)
def test_rewards_of_wrong_shapes_and_values(which, rows, shape, value):
    policy, rewards = POLICIES[which], np.full(shape, value)
    if rewards.size == rows and rewards.dtype.kind in "biuf" and abs(rewards.flat[0]) < 3:
        shape, rewards = None, rewards[..., None].repeat(2, axis=-1)
    starts = np.ones(rows, bool)
    assert_refused_without_trace(policy, rows, observations(rows), previous_reward=rewards, episode_start=starts)


HARMLESS = [bool, np.int8, np.uint8, np.int32, np.int64, np.uint64, np.float16, np.float64, np.longdouble, object]


@fuzzed(0.1, EXAMPLES)
@given(which=WHICH, rows=ROWS, dtype=st.sampled_from(HARMLESS), single=st.booleans(), as_list=st.booleans())
def test_numbers_of_other_types_act_like_float32(which, rows, dtype, single, as_list):
    policy, given_values = POLICIES[which], np.abs(observations(rows) * 3).astype(dtype)
    given_values = given_values[0] if single else given_values
    expected, _ = policy.predict(given_values.astype(np.float32))
    got, _ = policy.predict(given_values.tolist() if as_list else given_values)
    np.testing.assert_array_equal(got, expected)
    assert not is_refused(policy, () if single else (rows,), given_values)


NO_NUMBERS = [
    "abc",
    b"abc",
    ["a", "b", "c"],
    ["1", "2", "3"],
    [1j, 2, 3],
    np.ones(3) + 1j,
    np.ones((2, 3), np.complex64),
    np.asarray(["a", "b", "c"]),
    np.asarray(["1", "2", "3"]),
    np.asarray([{}, None, 1], object),
    np.zeros(3, "datetime64[s]"),
    np.zeros(3, "timedelta64[s]"),
    np.zeros(3, "f4,f4"),
    np.zeros(3, "V4"),
    {},
    {1, 2, 3},
    Policy,
    [[1, 2, 3], [1]],
    [10**400, 0, 0],
]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: f"{type(value).__name__} {value}"[:30])
def test_observations_that_are_no_numbers(value):
    assert_refused_without_trace(POLICIES["action_transformer", "vectors"], 1, value)


NO_FLAGS = ["no", ["a"], [[True], [True, False]], [np.nan], [2.5], [None], [{}], np.zeros(1, "datetime64[s]")]


@pytest.mark.parametrize("value", NO_FLAGS, ids=str)
def test_episode_starts_that_are_no_flags(value):
    assert_refused_without_trace(POLICIES["action_transformer", "vectors"], 1, observations(1), episode_start=value)


@fuzzed(0.1, EXAMPLES)
@given(
    which=WHICH,
    rows=ROWS,
    size=st.floats(1, 38.5),
    signs=st.tuples(*[st.sampled_from([-1, 0, 1])] * 3),
    deterministic=st.booleans(),
)
def test_observations_of_any_finite_size(which, rows, size, signs, deterministic):
    """However large: a right action or a refusal, and never a NaN."""
    given_values = np.tile(np.float32(min(10**size, 3.4e38)) * np.asarray(signs, np.float32), (rows, 1))
    is_refused(POLICIES[which], (rows,), given_values, deterministic=deterministic)


@pytest.mark.parametrize("which", POLICIES, ids="-".join)
@pytest.mark.parametrize("deterministic", [True, False])
def test_no_rows_give_no_actions(which, deterministic):
    is_refused(POLICIES[which], (0,), np.zeros((0, 3)), deterministic=deterministic)
