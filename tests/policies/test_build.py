"""From a block of params.yaml to a module: what a constructor takes, what the data give it, and what is refused by its name."""

from dataclasses import replace

import pytest
import torch

from tests.builders import SEVERAL_CHOICES, refused
from tests.toys import CHOICES, CONFIGS, OF_TOKENS, VECTORS, tiny_interface
from understudy.errors import ParameterError
from understudy.interface import Interface
from understudy.models.registry import family_names
from understudy.policies import build
from understudy.policies.build import build_model, check_play, resolved

INTERFACE = tiny_interface(CHOICES)
WITH_OPTIONS = tiny_interface(CHOICES, num_options=5)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"context": 0}, "context"),
        ({"num_layers": 0}, "num_layers"),
        ({"num_layers": -2}, "num_layers"),
        ({"num_heads": 0}, "num_heads"),
        ({"num_heads": -2}, "num_heads"),
        ({"embed_dim": 0}, "embed_dim"),
        ({"hidden_dim": 0}, "hidden_dim"),
        ({"hidden_dim": -3}, "hidden_dim"),
        ({"embed_dim": 7}, "embed_dim"),
        ({"embed_dim": "wide"}, "embed_dim"),
        ({"embed_dim": 8.0}, "embed_dim"),
        ({"embed_dim": True}, "embed_dim"),
        ({"continuous_loss": "huber"}, "continuous_loss"),
        *[({"state_differences": value}, "state_differences") for value in ("yes", True, False, 1.0, None, -1, 4)],
        ({"value_weight": "small"}, "value_weight"),
        ({"colour": "red"}, "colour"),
        ({"state_dim": 3}, "state_dim"),
        ({"discrete_actions": True}, "discrete_actions"),
        ({"difference_scale": [1.0, 1.0, 1.0]}, "difference_scale"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_an_argument_that_makes_no_model_is_refused_by_its_name(changes, key):
    config = CONFIGS["action_transformer"] | changes
    with pytest.raises(
        ParameterError, match=rf"^policies\.decoder\.model\.[a-z_, ]*{key}[a-z_, ]*: expected "
    ) as caught:
        build_model("action_transformer", config, INTERFACE, "policies.decoder")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("family", ["mlp", "action_transformer"])
def test_a_missing_argument_is_named(family):
    config = {name: value for name, value in CONFIGS[family].items() if name != "hidden_dim"}
    with refused(ParameterError, "policies.p.model.hidden_dim: expected a value, got none"):
        build_model(family, config, INTERFACE, "policies.p")


def test_a_family_that_does_not_exist_is_refused():
    with refused(ParameterError, "policies.p.family: expected one of action_transformer", "got 'mpl'"):
        build_model("mpl", {}, INTERFACE, "policies.p")


def test_the_number_of_options_comes_with_the_labels():
    model = build_model("hierarchical", CONFIGS["hierarchical"], WITH_OPTIONS, "policies.p")
    assert model.num_options == 5
    with refused(ParameterError, "policies.p.model.num_options: expected one of the keys", "got an unknown one"):
        build_model("hierarchical", CONFIGS["hierarchical"] | {"num_options": 5}, WITH_OPTIONS, "policies.p")


def test_without_labels_a_family_with_options_is_refused():
    sentence = "policies.p.family: expected data that say num_options, which hierarchical needs, got none"
    with refused(ParameterError, sentence):
        build_model("hierarchical", CONFIGS["hierarchical"], INTERFACE, "policies.p")


def test_what_the_data_do_not_say_stays_as_the_family_has_it(monkeypatch):
    class Optional(torch.nn.Module):
        def __init__(self, state_dim: int, num_options: int | None = 7):
            super().__init__()
            self.sizes = (state_dim, num_options)

    monkeypatch.setattr(build, "load_family", lambda name: Optional)
    built = [build_model("optional", {}, interface, "policies.p").sizes for interface in (INTERFACE, WITH_OPTIONS)]
    assert built == [(3, 7), (3, 5)]


def test_what_the_data_say_reaches_the_constructor():
    spec = replace(SEVERAL_CHOICES, components=("x", "y", "z", "w"))
    interface = tiny_interface(spec, ("y",))
    model = build_model("multi_agent", CONFIGS["multi_agent"], interface, "policies.p")
    assert (model.state_dim, model.action_dim, model.discrete_actions, model.num_agents) == (3, 3, True, 3)
    assert model.embed_state.window.difference_scale.tolist() == [[2.0] * 3]


def test_more_agents_than_there_is_room_for_are_refused():
    config = CONFIGS["multi_agent"] | {"max_num_agents": 2}
    with refused(ParameterError, "test.model.max_num_agents: expected at least the 3 agents there are, got 2"):
        build_model("multi_agent", config, tiny_interface(SEVERAL_CHOICES), "test")


def test_of_several_tasks_no_model_of_one_is_built():
    interface = Interface((INTERFACE.task, tiny_interface(VECTORS).task))
    with refused(
        ParameterError, "policies.p.family: expected one that learns several tasks, of which there are 2, got mlp"
    ):
        build_model("mlp", CONFIGS["mlp"], interface, "policies.p")


@pytest.mark.parametrize(
    ("value", "hidden", "expected"),
    [("auto", ("y",), 1), ("auto", (), 0), (2, (), 2), (0, ("y",), 0)],
)
def test_state_differences_can_follow_what_is_hidden(value, hidden, expected):
    interface, config = tiny_interface(CHOICES, hidden), CONFIGS["action_transformer"] | {"state_differences": value}
    assert resolved(config, interface) == CONFIGS["action_transformer"] | {"state_differences": expected}
    assert config["state_differences"] == value
    model = build_model("action_transformer", config, interface, "policies.p")
    assert model.embed_state.window.orders == expected


def test_orders_of_differences_are_a_number_or_auto():
    config = CONFIGS["action_transformer"] | {"state_differences": True}
    with refused(ParameterError, "policies.p.model.state_differences: expected a valid integer, got True"):
        build_model("action_transformer", config, INTERFACE, "policies.p")
    with refused(ParameterError, "policies.p.model.state_differences: expected from 0 to 3 orders, got 4"):
        build_model("mlp", CONFIGS["mlp"] | {"state_differences": 4}, INTERFACE, "policies.p")


# A trajectory_transformer has components for tokens, and tells each the last whole state.
@pytest.mark.parametrize("family", sorted(set(family_names()) - {"generalist", "trajectory_transformer", *OF_TOKENS}))
def test_every_family_takes_orders_of_differences(family):
    for hidden, orders in ((("y",), 1), ((), 0)):
        interface = tiny_interface(CHOICES, hidden, num_options=3)
        torch.manual_seed(0)
        built = build_model(family, CONFIGS[family] | {"state_differences": "auto"}, interface, "policies.p")
        torch.manual_seed(0)
        same = build_model(family, CONFIGS[family] | {"state_differences": orders}, interface, "policies.p")
        assert all(torch.equal(one, other) for one, other in zip(built.parameters(), same.parameters(), strict=True))
        more = build_model(family, CONFIGS[family] | {"state_differences": 3}, interface, "policies.p")
        assert (built.burn_in, more.burn_in) == (1, 3)


@pytest.mark.parametrize(("family", "play"), [("mlp", {}), ("hierarchical", {"shuffle_options": True})])
def test_settings_that_a_family_s_play_takes_are_good(family, play):
    check_play(family, play, "policies.p.play")


@pytest.mark.parametrize(
    ("family", "play", "sentence"),
    [
        ("mlp", {"target": 1.0}, "target: expected one of the keys none, got an unknown one"),
        ("hierarchical", {"shuffle": True}, "shuffle: expected one of the keys shuffle_options, got an unknown one"),
        ("hierarchical", {"shuffle_options": 1}, "shuffle_options: expected a valid boolean, got 1"),
        ("hierarchical", {"num_rows": 1}, "num_rows: expected one of the keys shuffle_options, got an unknown one"),
    ],
)
def test_other_settings_are_refused(family, play, sentence):
    with refused(ParameterError, f"policies.p.play.{sentence}"):
        check_play(family, play, "policies.p.play")


def test_play_of_a_family_that_does_not_exist_is_refused():
    with refused(ParameterError, "policies.p.play.family: expected one of", "got 'mpl'"):
        check_play("mpl", {}, "policies.p.play")


def test_the_same_seed_builds_the_same_weights():
    models = []
    for _ in range(2):
        torch.manual_seed(4)
        models.append(build_model("mlp", CONFIGS["mlp"], INTERFACE, "policies.p"))
    for one, other in zip(*(model.state_dict().values() for model in models), strict=True):
        assert torch.equal(one, other)
