"""Following step by step gives what the full pass gives, whatever the other episodes are."""

import numpy as np
import torch

from tests.builders import CHOICES, random_episodes
from understudy.interface import raw_interface
from understudy.log_evaluation.follow import follow
from understudy.models.action_transformer import ActionTransformer
from understudy.policies.files import TrainedPolicy
from understudy.rollouts.parquet import read_recording, write_recording


def policy():
    torch.manual_seed(0)
    model = ActionTransformer(3, 3, 16, 1, 2, 32, 20, True, context=20)
    return TrainedPolicy(model, "action_transformer", {}, raw_interface(CHOICES))


def test_it_says_what_the_full_pass_says(tmp_path):
    write_recording(tmp_path, CHOICES, "toy", random_episodes(CHOICES, [4, 9, 1]))
    recording, trained = read_recording(tmp_path), policy()
    told, place = follow(trained, recording), 0
    for episode in recording.as_episodes():
        steps = slice(place, place + episode.length)
        rows = torch.from_numpy(episode.observations)[None], torch.from_numpy(episode.actions)[None]
        preds, values = trained.model(*rows, torch.tensor([episode.length]))
        np.testing.assert_allclose(told.logits[steps], preds[0].detach().numpy(), atol=1e-5)
        np.testing.assert_allclose(told.values[steps], values[0].detach().numpy(), atol=1e-5)
        place += episode.length
    assert told.options is None and len(told.logits) == place == 14


def test_values_are_in_the_units_of_outcomes(tmp_path):
    write_recording(tmp_path, CHOICES, "toy", random_episodes(CHOICES, [4]))
    recording, trained = read_recording(tmp_path), policy()
    raw = follow(trained, recording).values
    task = trained.task
    object.__setattr__(
        task, "scales", type(task.scales)(**{**task.scales.__dict__, "return_mean": 2.0, "return_std": 3.0})
    )
    np.testing.assert_allclose(follow(trained, recording).values, 2 + 3 * raw, rtol=1e-5)
