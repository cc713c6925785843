"""What a model is told of its tasks: what it sees, in which units, what a file may say. Numbers are worked out by hand."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CHOICES, SEVERAL_VECTORS, SPECS, VECTORS, examples, refused, unscaled
from tests.toys import tiny_interface
from understudy.errors import ParameterError
from understudy.interface import Interface, Task, action_scales, check_hidden, raw_interface
from understudy.scales import Scales
from understudy.spec import EnvironmentSpec

COMPONENTS = ("x", "y", "vx", "vy")
FOUR = replace(CHOICES, components=COMPONENTS)
OBSERVATIONS = np.asarray([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)
ONES = ((1.0, 1.0, 1.0),) * 3
SCALES = Scales((1.0, 2.0, 5.0), (2.0, 0.5, 1.0), ONES, (0.0, -0.75), (1.0, 1.25), 3.0, 4.0)
TASK = Task(VECTORS, (), SCALES)
NAN, INFINITY = float("nan"), float("inf")


def seeing(hidden: tuple[str, ...], spec: EnvironmentSpec = FOUR) -> Task:
    """A task in which these components are hidden."""
    return Task(spec, hidden, Scales.identity(len(spec.components) - len(set(hidden)), 0))


# What is visible


def test_nothing_hidden_changes_nothing():
    task = seeing(())
    assert (task.visible_components, task.state_dim) == (COMPONENTS, 4)
    assert task.select_visible(OBSERVATIONS).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


@pytest.mark.parametrize("hidden", [("vx", "y"), ("y", "vx"), ("y", "vx", "y"), ("y", "vx", "y", "vx")])
def test_hidden_components_go_and_the_others_keep_their_order(hidden):
    task = seeing(hidden)
    assert (task.visible_components, task.state_dim) == (("x", "vy"), 2)
    assert task.select_visible(OBSERVATIONS).tolist() == [[1, 4], [5, 8]]


def test_any_leading_shape_is_taken():
    task = seeing(("x",))
    assert task.select_visible(OBSERVATIONS[0]).tolist() == [2, 3, 4]
    assert task.select_visible(OBSERVATIONS.reshape(2, 1, 4)).tolist() == [[[2, 3, 4]], [[6, 7, 8]]]


@pytest.mark.parametrize(
    ("hidden", "sentence"),
    [
        (("vx", "speed"), "sequences.hide: expected components among x, y, vx, vy, got 'speed'"),
        (
            ("y", "vy", "x", "vx", "y"),
            "sequences.hide: expected at least one component to stay visible, got all of them",
        ),
        (("y", "vy", "x", "vx"), "sequences.hide: expected at least one component to stay visible, got all of them"),
    ],
)
def test_components_that_cannot_be_hidden_are_refused(hidden, sentence):
    with refused(ParameterError, sentence):
        check_hidden(COMPONENTS, hidden)
    with refused(ParameterError, sentence):
        Task(FOUR, hidden, Scales.identity(4, 0))


# Units


def test_states_are_normalised_to_float32():
    got = TASK.normalize_states(np.array([[[1, 2, 5], [3, 3, 4]]], np.float64))
    assert got.dtype == np.float32
    assert got.tolist() == [[[0, 0, 0], [1, 2, -1]]]


def test_returns_are_normalised_to_float32():
    got = TASK.normalize_returns(np.array([3.0, 7.0, -5.0]))
    assert got.dtype == np.float32
    assert got.tolist() == [0, 1, -2]


def test_action_vectors_are_from_minus_one_to_one_within_their_bounds():
    got = TASK.normalize_actions(np.array([[-1.0, 0.5], [0.5, -0.75]]))
    assert got.dtype == np.float32
    assert got.tolist() == [[-1, 1], [0.5, 0]]


def test_a_model_s_vectors_come_back_in_the_environment_s_units_and_within_its_bounds():
    """The bounds are -1 and 1, and -2 and 0.5."""
    got = TASK.unnormalize_actions(np.array([[-1, 1], [0.5, 0], [-1.5, 1.01], [7, -7]], np.float32))
    assert got.dtype == np.float32
    assert got.tolist() == [[-1, 0.5], [0.5, -0.75], [-1, 0.5], [1, -2]]


def test_choices_stay_as_they_are():
    task, choices = tiny_interface(CHOICES).task, np.array([2, 0], np.int64)
    assert task.unnormalize_actions(choices).tolist() == [2, 0]
    assert task.normalize_actions(choices.astype(np.int32)).tolist() == [2, 0]
    assert task.normalize_actions(choices.astype(np.int32)).dtype == np.int64


BOUNDS = st.tuples(st.floats(-1e6, 1e6, width=32), st.floats(-1e6, 1e6, width=32)).filter(
    lambda two: two[1] - two[0] > 1e-30
)


@examples(200)
@given(bounds=BOUNDS, share=st.floats(0, 1))
def test_what_is_normalised_comes_back(bounds, share):
    low, high = bounds
    spec = replace(VECTORS, action_low=(low, -2.0), action_high=(high, 0.5))
    task, action = unscaled(spec).task, np.float32([[low + share * (high - low), -0.75]])
    normalised = task.normalize_actions(action)
    tolerance = 1e-6 * max(abs(low), abs(high), 1e-30) + np.finfo(np.float32).tiny
    np.testing.assert_allclose(task.unnormalize_actions(normalised), action, rtol=0, atol=tolerance)
    assert (task.unnormalize_actions(10 * np.sign(normalised)) >= np.float32([low, -2.0])).all()


def test_the_scales_of_actions_are_middle_and_half_range():
    assert action_scales(VECTORS) == ((0.0, -0.75), (1.0, 1.25))
    assert action_scales(CHOICES) == ((), ())


@pytest.mark.parametrize("spec", SPECS)
def test_in_the_raw_interface_nothing_changes(spec):
    task, numbers = raw_interface(spec).task, np.float32([[0.5, -1.5, 0.25]])
    assert task.select_visible(numbers).tolist() == task.normalize_states(numbers).tolist() == numbers.tolist()
    assert task.normalize_returns(numbers).tolist() == numbers.tolist()
    actions = np.array([1, 2]) if spec.discrete_actions else numbers[:, :2]
    assert task.normalize_actions(actions).tolist() == task.unnormalize_actions(actions).tolist() == actions.tolist()


# Scales that are none


def test_scales_of_another_environment_are_refused():
    with refused(ValueError, "scales.state_mean: expected 2 numbers, got 3"):
        Task(VECTORS, ("y",), SCALES)
    with refused(ValueError, "scales.action_middle: expected 2 numbers, got 0"):
        Task(VECTORS, (), Scales.identity(3, 0))
    with refused(ValueError, "scales.action_middle: expected 0 numbers, got 2"):
        Task(CHOICES, (), SCALES)


# Several tasks, and what a constructor may ask for


def test_the_only_task_is_the_task():
    assert Interface((TASK,)).task is TASK


def test_of_several_tasks_none_is_the_task():
    with refused(ValueError, "interface: expected one task, got 2: ToyContinuous-v0, Toy-v0"):
        _ = Interface((TASK, unscaled(CHOICES).task)).task


def test_no_task_is_refused():
    with refused(ValueError, "interface: expected at least one task, got none"):
        Interface(())


def test_what_a_constructor_may_ask_for():
    scales = replace(SCALES, state_mean=(0.0,), state_std=(1.0,), difference_std=((0.25,), (0.5,), (1.0,)))
    interface = Interface((Task(SEVERAL_VECTORS, ("x", "z"), scales, num_options=7, return_quantiles=(0.0, 2.0)),))
    assert interface.model_arguments() == {
        "tasks": interface.tasks,
        "state_dim": 1,
        "component_names": ("y",),
        "action_dim": 2,
        "discrete_actions": False,
        "num_agents": 3,
        "num_options": 7,
        "difference_scale": ((0.25,), (0.5,), (1.0,)),
        "return_scale": (3.0, 4.0),
        "return_quantiles": (0.0, 2.0),
    }
    others = raw_interface(CHOICES).model_arguments()
    assert (others["action_dim"], others["discrete_actions"], others["num_options"]) == (3, True, None)


# JSON


TASKS = (TASK, tiny_interface(CHOICES, ("y",), num_options=3).task, Task(SEVERAL_VECTORS, (), SCALES))


@pytest.mark.parametrize("tasks", [TASKS[:1], TASKS[1:2], TASKS], ids=["vectors", "choices", "several"])
def test_an_interface_survives_json(tasks):
    interface = Interface(tasks)
    assert Interface.from_json(json.loads(json.dumps(interface.to_json(), allow_nan=False))) == interface


def changed(path: tuple, value) -> dict:
    """An interface in JSON in which what lies at `path` is another value; ... takes it away."""
    content = json.loads(json.dumps(Interface((TASK,)).to_json()))
    *above, last = path
    place = content
    for key in above:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return content


MALFORMED = [
    (("tasks",), []),
    (("tasks",), 3),
    (("tasks",), ["Toy-v0"]),
    (("tasks", 0), None),
    *[(("tasks", 0, key), ...) for key in ("environment", "hidden_components", "scales", "num_options")],
    (("tasks", 0, "environment"), []),
    (("tasks", 0, "environment", "num_actions"), 4),
    (("tasks", 0, "hidden_components"), 3),
    (("tasks", 0, "hidden_components"), ["w"]),
    (("tasks", 0, "hidden_components"), ["x"]),
    *[(("tasks", 0, "scales", key), ...) for key in asdict(SCALES)],
    (("tasks", 0, "scales"), [1.0]),
    (("tasks", 0, "scales", "colour"), 1.0),
    (("tasks", 0, "scales", "state_mean"), 1.0),
    (("tasks", 0, "scales", "state_mean"), ["a", "b", "c"]),
    (("tasks", 0, "scales", "state_mean"), None),
    (("tasks", 0, "scales", "state_std"), {}),
    (("tasks", 0, "scales", "return_std"), "one"),
    (("tasks", 0, "scales", "return_std"), [1.0]),
    *[(("tasks", 0, "num_options"), value) for value in (0, -1, 2.0, "3", True)],
]


@pytest.mark.parametrize(("path", "value"), MALFORMED, ids=str)
def test_a_malformed_interface_is_refused(path, value):
    with pytest.raises(ValueError, match=r"."):
        Interface.from_json(changed(path, value))


@pytest.mark.parametrize("content", [None, [], "tasks", 3, {}], ids=repr)
def test_what_is_no_interface_is_refused(content):
    with refused(ValueError, "interface: expected tasks, got something else"):
        Interface.from_json(content)


@pytest.mark.parametrize("quantiles", [(0.0, 2.0, 1.0), (NAN, 1.0), (0.0, INFINITY)])
def test_quantiles_of_returns_are_finite_and_ascend(quantiles):
    with refused(ValueError, "return_quantiles: expected finite numbers that ascend, got"):
        replace(TASK, return_quantiles=quantiles)
