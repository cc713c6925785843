"""Which tokens actions were predicted from, beside sums over the maps that are written out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.builders import refused
from tests.mixed import MIXED, PICTURES, SPECS, TASKS, WITH_PICTURES
from tests.toys import CONFIGS, tiny_policy
from understudy.episode import NO_OPTION, Episode
from understudy.errors import DataError
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy
from understudy.replay import token_attention
from understudy.replay.token_attention import attended_tokens

CONTEXT = CONFIGS["generalist"]["context"]
NAMES = {
    "coarse": [("state", "action")] * 3,
    "fine": [
        (*TASKS[0].visible_components, "task", "action"),
        ("a", "b", "c", "d", "e", "task", "action"),
        ("x", "y", "task", *SPECS[2].action_labels),
    ],
    "pictures": [("state", "action"), ("picture", "state", "action"), ("state", "action")],
}


def policy(tokens: str, number: int, **config: object) -> TrainedPolicy:
    """A generalist of the three tasks; of "pictures" tokens are coarse."""
    torch.manual_seed(0)
    pictures = tokens == "pictures"
    of_layout = {"tokens": "coarse", **PICTURES} if pictures else {"tokens": tokens}
    config = CONFIGS["generalist"] | of_layout | {"num_bins": 12} | config
    interface = WITH_PICTURES if pictures else MIXED
    model = build_model("generalist", config, interface, "policies.p").eval()
    return TrainedPolicy(model, "generalist", config, interface, task_number=number)


def episode(number: int, length: int, seed: int = 0) -> Episode:
    generator, task = np.random.default_rng(seed), TASKS[number]
    if task.discrete_actions:
        actions = generator.integers(task.action_dim, size=length)
    else:
        actions = generator.uniform(*task.environment.action_bounds, (length, task.action_dim)).astype(np.float32)
    observations = generator.normal(size=(length + 1, task.state_dim)).astype(np.float32)
    return Episode(
        seed,
        observations[:-1],
        actions,
        demonstrated_actions=actions,
        rewards=np.zeros(length, np.float32),
        options=np.full(length, NO_OPTION, np.int16),
        final_observation=observations[-1],
        terminated=True,
        truncated=False,
    )


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("tokens", ["coarse", "fine", "pictures"])
def test_shares_are_the_mean_over_predictions_of_what_each_token_gets(tokens: str, number: int) -> None:
    trained, episodes = policy(tokens, number), [episode(number, 9), episode(number, 2, seed=1)]
    attended = attended_tokens(trained, episodes, CONTEXT)
    names = NAMES[tokens][number]
    assert attended.names == names
    model, expected = trained.model, np.zeros((len(names), CONTEXT))
    for each in episodes:
        states = torch.from_numpy(MIXED.pad_states(TASKS[number].normalize_states(each.observations)))[None]
        actions = torch.from_numpy(MIXED.pad_actions(number, TASKS[number].normalize_actions(each.actions)))[None]
        with torch.no_grad():
            maps = model.attention_maps(states, actions, number)
        last, labels = maps.layers[-1][0].mean(0).numpy(), [name for name in maps.modalities]
        for query, of_step in enumerate(maps.steps.tolist()):
            if labels[query] != ("task" if tokens == "fine" else "state"):
                continue
            for key, step in enumerate(maps.steps.tolist()):
                if labels[key] and step <= of_step < step + CONTEXT:
                    expected[names.index(labels[key]), of_step - step] += last[query, key] / 11
    np.testing.assert_allclose(attended.weights, expected, atol=1e-6)
    assert attended.by_token.sum() == pytest.approx(1.0, abs=1e-5)
    assert (attended.weights[names.index("action" if "action" in names else names[-1])][0]) == 0  # not yet taken


def test_without_a_past_all_goes_to_the_present_state() -> None:
    attended = attended_tokens(policy("coarse", 1, context=1), [episode(1, 5)], 3)
    np.testing.assert_allclose(attended.weights, [[1, 0, 0], [0, 0, 0]], atol=1e-6)


def test_of_a_long_episode_the_first_steps_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_attention, "MOST_STEPS", 4)
    trained, whole = policy("coarse", 0), episode(0, 9)
    cut = replace(
        whole,
        **{
            name: getattr(whole, name)[:4]
            for name in ("observations", "actions", "demonstrated_actions", "rewards", "options")
        },
    )
    one, other = (attended_tokens(trained, [each], 3).weights for each in (whole, cut))
    assert np.array_equal(one, other)


def test_another_family_and_no_episode_are_refused() -> None:
    with refused(DataError, "policy: expected one of the family generalist, got one of mlp"):
        attended_tokens(tiny_policy("mlp", SPECS[0]), [episode(0, 3)], 3)
    with refused(DataError, "episodes: expected at least one, got none"):
        attended_tokens(policy("coarse", 0), [], 3)


def test_a_policy_that_acts_for_a_return_is_refused() -> None:
    with refused(DataError, "policy: expected a generalist that is not return_conditioned, got one that is"):
        attended_tokens(policy("coarse", 0, return_conditioned=True), [episode(0, 3)], 2)


def test_a_policy_that_plays_with_a_prompt_is_refused() -> None:
    prompted = {"prompt_steps": 4, "task_token": "prompt"}
    with refused(
        DataError, "policy: expected a generalist that plays without a prompt, got one whose task_token is prompt"
    ):
        attended_tokens(policy("coarse", 0, **prompted), [episode(0, 3)], 2)
    assert attended_tokens(policy("coarse", 0, prompt_steps=4), [episode(0, 3)], 2).names == ("state", "action")
