"""The return-to-go in training is the one at play: an episode that is played again, paid as it was, predicts as its row did."""

import numpy as np
import pytest
import torch

from tests.builders import CHOICES, VECTORS, random_episodes, written_store
from understudy.policies.act import Acting
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.store import open_sequences
from understudy.step import Step

LENGTHS = (7, 5, 9, 4)
MODELS = {
    "decision_transformer": {
        "embed_dim": 16,
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 32,
        "max_seq_len": 40,
        "context": 6,
    },
    "rvs": {"hidden_dim": 16, "num_layers": 1},
}


@pytest.mark.filterwarnings("ignore:target_return")
@pytest.mark.parametrize("spec", [CHOICES, VECTORS], ids=["choices", "vectors"])
@pytest.mark.parametrize("family", MODELS)
def test_an_episode_played_again_is_told_what_its_row_was(family, spec, tmp_path):
    episodes = random_episodes(spec, LENGTHS)
    sequences = open_sequences(written_store(tmp_path, spec, episodes, held_out=np.asarray([3])), "train")
    model = build_model(family, MODELS[family], sequences.interface, f"policies.{family}").eval()
    rows = next(SequenceDataset(sequences, 20, 9, model.reads).in_order())
    with torch.no_grad():
        predicted = model.losses(rows, torch.Generator()).predictions
    policy = TrainedPolicy(model, family, MODELS[family], sequences.interface, {})
    for row, episode in enumerate(episodes[:3]):
        acting = Acting(policy, 1, {"target_return": float(episode.total_return)})
        acting.reset(np.asarray([0]))
        for time in range(episode.length):
            before = max(time - 1, 0)
            paid = episode.rewards[before : before + 1] * (time > 0)
            step = Step(
                episode.observations[time : time + 1],
                episode.actions[before : before + 1] * (time > 0),
                paid.astype(np.float32),
                np.asarray([time == 0]),
            )
            played = torch.from_numpy(acting.act(step).predictions)[0]
            torch.testing.assert_close(played, predicted[row, time], atol=1e-4, rtol=1e-4)
