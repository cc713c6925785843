"""A policy that starts from another: which weights and scales it takes, and which other policies are refused."""

from dataclasses import replace

import pytest
import torch

from tests.builders import refused
from tests.mixed import MIXED, TASKS
from tests.toys import CHOICES, CONFIGS, VECTORS, tiny_interface, tiny_policy
from understudy.errors import DataError, ParameterError
from understudy.interface import Interface
from understudy.params.policies import PolicyParams
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy, save_policy
from understudy.policies.start import read_start

SINGLE = ("mlp", "action_transformer", "hierarchical", "trajectory_transformer", "rvs", "generalist")


def block(folder, family, **keys):
    """A policy's block with the toy's sizes."""
    given = {"family": family, "model": CONFIGS[family], "play": {}, "best_returns": None, "training": {}}
    return PolicyParams.model_validate(given | {"starts_from": str(folder)} | keys)


def saved(folder, policy, seed=0):
    (folder / f"seed_{seed}").mkdir(parents=True)
    save_policy(policy, folder / f"seed_{seed}")
    return folder


def with_other_scales(interface):
    tasks = (replace(task, scales=replace(task.scales, return_mean=9.0)) for task in interface.tasks)
    return Interface(tuple(tasks))


def generalist(folder, interface=MIXED):
    """A generalist of several tasks on disk."""
    torch.manual_seed(0)
    config = CONFIGS["generalist"]
    model = build_model("generalist", config, interface, "p").eval()
    return saved(folder, TrainedPolicy(model, "generalist", config, interface, {}))


def with_returns(task, *returns):
    return replace(task, return_quantiles=returns)


@pytest.mark.parametrize("family", SINGLE)
def test_of_the_same_task_all_weights_and_the_scales_are_taken(tmp_path, family):
    policy = tiny_policy(family, CHOICES)
    saved(tmp_path, policy, seed=3)
    start = read_start(block(tmp_path, family), 3, with_other_scales(policy.interface), "policies.p")
    assert start.interface == policy.interface
    torch.manual_seed(1)
    own = build_model(family, CONFIGS[family], start.interface, "p")
    weights, told = start.weights(own.state_dict())
    own.load_state_dict(weights)
    for name, expected in policy.model.state_dict().items():
        assert torch.equal(own.state_dict()[name], expected)
    count = sum(each.numel() for each in weights.values())
    assert told.startswith(f"{count:,} of {count:,} numbers from {tmp_path}/seed_3; taken: ")
    assert "new" not in told


def test_without_a_folder_there_is_no_start(tmp_path):
    assert read_start(block(tmp_path, "mlp", starts_from=None), 0, tiny_interface(CHOICES), "p") is None


def test_of_a_new_task_it_is_said_what_is_taken_and_what_is_new(tmp_path):
    interface = tiny_interface(replace(CHOICES, environment_id="New-v0", components=("a", "b")))
    start = read_start(block(generalist(tmp_path), "generalist"), 0, interface, "p")
    assert (start.numbers, start.interface) == ((None,), interface)
    model = build_model("generalist", CONFIGS["generalist"], interface, "p")
    _, told = start.weights(model.state_dict())
    assert "; taken: tokens.dropped_token, trunk; new: head.mean, tokens.action_map, tokens.choice_vectors, " in told


def test_a_task_may_take_that_of_another_environment_where_it_is_said(tmp_path):
    spec = replace(MIXED.tasks[1].environment, environment_id="Wide-v0", kwargs={"wind": True})
    interface = with_other_scales(tiny_interface(spec))
    folder = generalist(tmp_path)
    assert read_start(block(folder, "generalist"), 0, interface, "p").numbers == (None,)
    start = read_start(block(folder, "generalist", starts_as="Wide-v0"), 0, interface, "p")
    assert start.numbers == (1,)
    assert start.interface.task == replace(interface.task, scales=TASKS[1].scales)
    _, told = start.weights(build_model("generalist", CONFIGS["generalist"], interface, "p").state_dict())
    assert ", Wide-v0 with {'wind': True} as its Wide-v0 with {}; taken: " in told and "new" not in told


@pytest.mark.parametrize(("demonstrations", "expected"), [(0, (1.0, 2.0)), (3, (50.0, 90.0)), (None, (50.0, 90.0))])
def test_without_demonstrations_the_returns_are_those_that_the_weights_were_learned_from(
    tmp_path, demonstrations, expected
):
    other = Interface((TASKS[0], with_returns(TASKS[1], 1.0, 2.0)))
    spec = replace(TASKS[1].environment, kwargs={"wind": True})
    own = Interface((with_returns(tiny_interface(spec).task, 50.0, 90.0),))
    given = block(generalist(tmp_path, other), "generalist", starts_as="Wide-v0", demonstrations=demonstrations)
    assert read_start(given, 0, own, "p").interface.task.return_quantiles == expected


def test_a_task_of_several_is_taken_as_what_it_is_there(tmp_path):
    start = read_start(block(generalist(tmp_path), "generalist"), 0, with_other_scales(Interface(TASKS[2:])), "p")
    assert (start.numbers, start.interface.task.scales) == ((2,), TASKS[2].scales)


def test_a_training_that_is_not_there_is_refused(tmp_path):
    folder = saved(tmp_path, tiny_policy("mlp", CHOICES))
    with refused(DataError, "policies.p.starts_from: expected a policy trained from seed 4 in", "seed_4, found none"):
        read_start(block(folder, "mlp"), 4, tiny_interface(CHOICES), "policies.p")


def test_another_family_or_model_is_refused(tmp_path):
    folder, interface = saved(tmp_path, tiny_policy("mlp", CHOICES)), tiny_interface(CHOICES)
    with refused(ParameterError, "p.family: expected 'mlp', as in ", "seed_0, got 'rvs'"):
        read_start(block(folder, "rvs"), 0, interface, "p")
    for model, sentence in (
        ({"hidden_dim": 8, "num_layers": 2}, "p.model.hidden_dim: expected 16, as in "),
        ({"hidden_dim": 16}, "p.model.num_layers: expected 2, as in "),
        ({**CONFIGS["mlp"], "value_weight": 0.1}, "p.model.value_weight: expected none, as in "),
    ):
        with refused(ParameterError, sentence):
            read_start(block(folder, "mlp", model=model), 0, interface, "p")


def test_a_family_of_one_task_takes_nothing_of_another_task(tmp_path):
    folder, other = saved(tmp_path, tiny_policy("mlp", CHOICES)), replace(CHOICES, environment_id="Other-v0")
    with refused(
        ParameterError, "p.starts_from: expected a policy of Other-v0 with {}", "say nothing to mlp, got one of Toy-v0"
    ):
        read_start(block(folder, "mlp"), 0, tiny_interface(other), "p")
    assert read_start(block(folder, "mlp", starts_as="Toy-v0"), 0, tiny_interface(other), "p").numbers == (0,)


def test_without_demonstrations_there_is_nothing_to_be_new(tmp_path):
    interface = tiny_interface(replace(CHOICES, environment_id="New-v0"))
    with refused(
        ParameterError, "expected a policy of New-v0 with {}", "one without demonstrations, got one of Toy-v0"
    ):
        read_start(block(generalist(tmp_path), "generalist", demonstrations=0), 0, interface, "p")


def test_a_task_of_other_observations_or_actions_is_refused(tmp_path):
    folder = saved(tmp_path, tiny_policy("mlp", CHOICES))
    others = (
        tiny_interface(VECTORS),
        tiny_interface(replace(CHOICES, num_actions=3)),
        tiny_interface(replace(CHOICES, components=("x", "y", "w"))),
    )
    for interface in others:
        other = replace(interface.task, environment=replace(interface.task.environment, kwargs={"other": 1}))
        with refused(
            ParameterError, "p.starts_from: expected a task of the same observations and actions, x, y, ", "got that of"
        ):
            read_start(block(folder, "mlp", starts_as="Toy-v0"), 0, Interface((other,)), "p")
    with refused(ParameterError, "expected a task of the same observations and actions, y, z, and 4 choices"):
        read_start(block(folder, "mlp"), 0, tiny_interface(CHOICES, hidden=("x",)), "p")


def test_an_environment_that_is_none_of_its_is_refused(tmp_path):
    folder = generalist(tmp_path)
    with refused(ParameterError, "p.starts_as: expected one of Toy-v0 with {}, Wide-v0", "got 'Narrow-v0' for 1"):
        read_start(block(folder, "generalist", starts_as="Narrow-v0"), 0, tiny_interface(CHOICES), "p")
    with refused(ParameterError, "for a single task, got 'Wide-v0' for 3"):
        read_start(block(folder, "generalist", starts_as="Wide-v0"), 0, MIXED, "p")


def test_one_of_two_tasks_of_the_same_id_is_named_by_its_arguments(tmp_path):
    calm, windy = (
        replace(TASKS[1], environment=replace(TASKS[1].environment, kwargs={"wind": wind})) for wind in (False, True)
    )
    folder = generalist(tmp_path, Interface((calm, windy)))
    own = tiny_interface(replace(TASKS[1].environment, kwargs={"gravity": 5}))
    for wind, number in ((False, 0), (True, 1)):
        given = block(folder, "generalist", starts_as=f"Wide-v0 with {{'wind': {wind}}}")
        assert read_start(given, 0, own, "p").numbers == (number,)
    with refused(
        ParameterError,
        "p.starts_as: expected one of Wide-v0 with {'wind': False}, Wide-v0 with {'wind': True}, or the id of a single",
        "got 'Wide-v0', the id of 2, for 1",
    ):
        read_start(block(folder, "generalist", starts_as="Wide-v0"), 0, own, "p")


def test_data_with_another_number_of_options_are_refused(tmp_path):
    folder = saved(tmp_path, tiny_policy("hierarchical", CHOICES))
    interface = tiny_interface(CHOICES, num_options=5)
    start = read_start(block(folder, "hierarchical"), 0, interface, "p")
    model = build_model("hierarchical", CONFIGS["hierarchical"], start.interface, "p")
    with refused(DataError, f"{tmp_path}/seed_0: corrections.3.bias: expected weights of shape (4,), got none"):
        start.weights(model.state_dict())
