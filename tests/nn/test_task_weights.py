"""What a model takes of another one with other tasks: told from what both predict, and from the numbers themselves."""

from dataclasses import replace

import pytest
import torch

from tests.mixed import MIXED, TASKS, WIDE, draw_mixed
from tests.toys import CONFIGS, tiny_interface
from understudy.interface import Interface
from understudy.nn.task_images import read_names
from understudy.nn.task_weights import take_weights
from understudy.policies.build import build_model

each_tokens = pytest.mark.parametrize("tokens", ["coarse", "fine"])
NEW = replace(TASKS[1], environment=replace(TASKS[1].environment, environment_id="New-v0"))
SHARED = {
    "coarse": {"tokens.dropped_token"},
    "fine": {
        "tokens.dropped_token",
        "tokens.bin_vectors.free",
        "tokens.bin_vectors.coefficients",
        "tokens.value_vectors",
        "head.choices.weight",
        "head.choices.bias",
    },
}


def model_of(tokens, tasks, seed, **options):
    torch.manual_seed(seed)
    config = CONFIGS["generalist"] | {"tokens": tokens, "num_bins": 12} | options
    model = build_model("generalist", config, Interface(tuple(tasks)), "p").eval()
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.3)
    model.interface_tasks = tasks
    return model


def taken_by(model, other, numbers):
    """Loads what the model takes; returns how many numbers of each tensor that is."""
    read = tuple(read_names(each.interface_tasks) for each in (model, other))
    taken, counts = take_weights(model.state_dict(), other.state_dict(), numbers, read)
    model.load_state_dict(taken)
    return counts


@each_tokens
def test_of_the_same_tasks_all_is_taken(tokens):
    other, model = (model_of(tokens, MIXED.tasks, seed) for seed in (0, 1))
    counts = taken_by(model, other, (0, 1, 2))
    for name, weights in other.state_dict().items():
        assert torch.equal(model.state_dict()[name], weights)
        assert counts[name] == weights.numel()


@each_tokens
@pytest.mark.parametrize("number", [0, 1, 2])
def test_of_one_of_the_tasks_all_is_taken_that_decides_what_is_predicted(tokens, number):
    other, model = model_of(tokens, MIXED.tasks, 0), model_of(tokens, [TASKS[number]], 1)
    taken_by(model, other, (number,))
    task, ids = TASKS[number], torch.full((2,), number)
    states, entries = draw_mixed(ids, 6)
    own = entries[..., 0].long() if task.discrete_actions else entries
    lengths = torch.tensor([6, 4])
    preds = model(states[..., : task.state_dim], own, torch.zeros(2, dtype=torch.int64), lengths)
    expected = other(states, entries, ids, lengths)[..., : task.action_dim]
    assert preds.shape[-1] == task.action_dim
    torch.testing.assert_close(preds, expected, rtol=1e-5, atol=1e-5)


@each_tokens
def test_of_a_new_task_the_trunk_and_the_vocabulary_are_taken_and_nothing_else(tokens):
    other, model = model_of(tokens, MIXED.tasks, 0), model_of(tokens, [NEW], 1)
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    counts = taken_by(model, other, (None,))
    for name, weights in model.state_dict().items():
        shared = name.startswith("trunk.") or name in SHARED[tokens]
        assert counts[name] == (weights.numel() if shared else 0), name
        if not shared:
            assert torch.equal(weights, before[name]), name
        elif weights.shape == other.state_dict()[name].shape:
            assert torch.equal(weights, other.state_dict()[name]), name
    if tokens == "fine":  # of 12 values of vectors' entries, the 4 of this task's choices
        values = other.state_dict()["tokens.value_vectors"]
        assert torch.equal(model.state_dict()["tokens.value_vectors"], values[: NEW.action_dim])


@each_tokens
def test_a_task_that_joins_others_is_new_beside_them(tokens):
    other, model = model_of(tokens, MIXED.tasks, 0), model_of(tokens, [NEW, *MIXED.tasks], 1)
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    taken_by(model, other, (None, 0, 1, 2))
    vectors = model.state_dict()["tokens.task_vectors"]
    assert torch.equal(vectors[0], before["tokens.task_vectors"][0])
    assert torch.equal(vectors[1:], other.state_dict()["tokens.task_vectors"])
    ids = torch.tensor([0, 2, 1])
    states, entries = draw_mixed(ids, 5)
    lengths = torch.tensor([5, 3, 4])
    expected = other(states, entries, ids, lengths)
    torch.testing.assert_close(model(states, entries, ids + 1, lengths), expected, rtol=1e-5, atol=1e-5)


PIXELS = ("pixels_0", "pixels_1", "pixels_2", "pixels_3")
PICTURED = [
    tiny_interface(replace(WIDE, components=components, environment_id=f"Pictured{number}-v0")).task
    for number, components in enumerate([("a", "b", *PIXELS), ("c", *PIXELS, "a"), PIXELS])
]


@pytest.mark.parametrize(("own", "numbers"), [([1], (1,)), ([1, 2, 0], (1, 2, 0)), ([2], (2,)), ([0, 1], (0, 1))])
@torch.inference_mode()
def test_what_patches_read_is_taken_by_its_name(own, numbers):
    pictures = {"image_shape": [2, 2, 1], "patch_size": 1, "patch_dim": 3}
    other, model = (
        model_of("coarse", tasks, seed, **pictures)
        for seed, tasks in enumerate([PICTURED, [PICTURED[number] for number in own]])
    )
    counts = taken_by(model, other, numbers)
    assert all(counts[name] == weights.numel() for name, weights in model.state_dict().items())
    for place, number in enumerate(own):
        task, states = PICTURED[number], torch.randn(2, 5, 6)
        actions, lengths = torch.randint(4, (2, 5)), torch.tensor([5, 3])
        expected = other(states, actions[..., None].float(), torch.full((2,), number), lengths)
        width = max(PICTURED[each].state_dim for each in own)
        given = actions if len(own) == 1 else actions[..., None].float()
        preds = model(states[..., :width], given, torch.full((2,), place), lengths)
        assert task.state_dim <= width
        torch.testing.assert_close(preds, expected, rtol=1e-5, atol=1e-5)


def test_what_patches_of_the_other_do_not_read_is_new():
    pictures = {"image_shape": [2, 2, 1], "patch_size": 1, "patch_dim": 3}
    other, model = (model_of("coarse", PICTURED[place : place + 1], place, **pictures) for place in (0, 1))
    before = model.tokens.images.condition_map.weight.detach().clone()
    counts = taken_by(model, other, (None,))
    assert counts["tokens.images.condition_map.weight"] == 3
    after, theirs = model.tokens.images.condition_map.weight, other.tokens.images.condition_map.weight
    assert torch.equal(after[:, 0], before[:, 0])  # of "c"
    assert torch.equal(after[:, 1], theirs[:, 0])  # of "a"


def test_a_part_that_the_other_does_not_have_is_new():
    choices = [task for task in TASKS if task.discrete_actions]
    other, model = model_of("fine", choices, 0), model_of("fine", [TASKS[2]], 1)
    counts = taken_by(model, other, (None,))
    assert {counts[name] for name in counts if name.startswith("head.bins.")} == {0}
    size = CONFIGS["generalist"]["embed_dim"]
    assert counts["tokens.value_vectors"] == 4 * size  # of the 12 values of its entries


def test_the_demonstrations_that_are_kept_are_a_models_own_where_it_has_some():
    prompted = CONFIGS["generalist"] | {"prompt_steps": 4}
    other, model = (build_model("generalist", prompted, Interface(tasks), "p") for tasks in (MIXED.tasks, TASKS[:2]))
    other.interface_tasks, model.interface_tasks = MIXED.tasks, TASKS[:2]
    other.prompts.prompt_lengths.fill_(3)
    other.prompts.prompt_states.copy_(torch.randn_like(other.prompts.prompt_states))
    model.prompts.prompt_lengths[0, 0] = 4
    model.prompts.prompt_states[0, 0] = 7.0
    own = model.prompts.prompt_states[0].clone()
    taken_by(model, other, (0, 1))
    assert model.prompts.prompt_lengths.tolist() == [[4, 0, 0, 0, 0], [3] * 5]
    assert torch.equal(model.prompts.prompt_states[0], own)
    assert torch.equal(model.prompts.prompt_states[1], other.prompts.prompt_states[1])
