"""Untrained policies of games in text, whose every weight is known by its seed.

WORDLE                      -- a task of six words
text_policy(family, task)   -- a policy of it
"""

import torch

from understudy.interface import Interface, Task
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy
from understudy.scales import Scales
from understudy.tasks.recording import spec_of
from understudy.tasks.task import TextTask
from understudy.tasks.wordle import Wordle

SIZES = {"embed_dim": 16, "num_layers": 2, "num_heads": 2, "hidden_dim": 32, "max_seq_len": 24, "context": 18}
WORDS = ["cat", "cow", "dog", "pig", "ant", "bee"]
WORDLE = Wordle(WORDS, max_turns=4, words_only=True, marks_name_letters=False)
SETTINGS = {"task": "wordle", "words": WORDS, "max_turns": 4, "words_only": True, "marks_name_letters": False}


def text_policy(family: str, task: TextTask = WORDLE, settings: dict | None = None) -> TrainedPolicy:
    """A policy with weights large enough for its scores to depend on the whole text."""
    spec = spec_of(task, SETTINGS if settings is None else settings)
    count = len(spec.components)
    differences = ((1.0,) * count,) * 3
    scales = Scales((0.25,) * count, (0.5,) * count, differences, (), (), -2.0, 1.5)
    interface = Interface((Task(spec, (), scales),))
    torch.manual_seed(0)
    model = build_model(family, SIZES, interface, family)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.add_(torch.randn_like(weights), alpha=0.3)
    return TrainedPolicy(model.eval(), family, SIZES, interface, {"sequences": "0" * 64})
