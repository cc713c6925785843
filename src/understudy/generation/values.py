"""What a policy that has learned by values says of each token of a text: which letter cost what.

TokenWorth                     -- of each of the player's tokens
token_worth(policy, prompt)    -- by one pass over the whole text
format_worth(task, worth)      -- as a table of text

T tokens of the player's.
"""

from dataclasses import dataclass

import numpy as np
import torch

from understudy.errors import ParameterError
from understudy.generation.prompt import Prompt
from understudy.models.language_q import LanguageQ
from understudy.policies.files import TrainedPolicy
from understudy.tasks.recording import GameReader
from understudy.tasks.task import TextTask
from understudy.tasks.text import decode

HEADER = ("token", "likelihood", "Q", "V", "Q - V")


@dataclass(frozen=True)
class TokenWorth:
    """What is said of each of the player's tokens.

    Attributes:
        tokens: (T,) int64.
        ends: (T,) bool, tokens that were replied to.
        likelihoods: (T,) of the token, by imitation.
        values: (T,) what it is worth, raw reward still to come, by the least of the heads.
        text_values: (T,) what the text before it is worth.
    """

    tokens: np.ndarray
    ends: np.ndarray
    likelihoods: np.ndarray
    values: np.ndarray
    text_values: np.ndarray


@torch.inference_mode()
def token_worth(policy: TrainedPolicy, task: TextTask, prompt: Prompt) -> TokenWorth:
    """What the policy says of the tokens of a text, each by what stands before it.

    Raises:
        ParameterError: it has learned no values, or the text is longer than its rows.
    """
    model = policy.model
    if not isinstance(model, LanguageQ):
        raise ParameterError(f"--values: expected a policy of the family language_q, got {policy.family}")
    count = len(prompt.actions)
    if not 1 <= count <= model.max_seq_len:
        raise ParameterError(f"--values: expected from 1 to {model.max_seq_len} tokens of the player's, got {count}")
    reader = GameReader(task, prompt.opening[None])
    observations = [reader.observation()]
    for token, reply in zip(prompt.actions[:-1], prompt.replies[:-1], strict=True):
        reader.read(token[None], reply[None])
        observations.append(reader.observation())
    states = policy.task.normalize_states(np.concatenate(observations))[None]  # (1, T, S)
    logits, values, texts = model(torch.from_numpy(states), torch.tensor([count]))
    written = torch.from_numpy(prompt.actions)
    rows, unit = torch.arange(count), model.return_std
    return TokenWorth(
        tokens=prompt.actions,
        ends=np.asarray((prompt.replies >= 0).any(axis=1)),
        likelihoods=logits[0].softmax(-1)[rows, written].numpy(),
        values=(unit * values[0].amin(1)[rows, written]).numpy(),
        text_values=(unit * texts[0]).numpy(),
    )


def format_worth(task: TextTask, worth: TokenWorth) -> str:
    """A line a token, and an empty one after a turn."""
    lines = ["  ".join(f"{cell:>10}" for cell in HEADER)]
    for place, token in enumerate(worth.tokens):
        value, text = worth.values[place], worth.text_values[place]
        numbers = f"{worth.likelihoods[place]:>10.3f}  {value:>10.2f}  {text:>10.2f}  {value - text:>+10.2f}"
        lines.append(f"{decode(task.tokens, token[None]):>10}  {numbers}")
        if worth.ends[place]:
            lines.append("")
    return "\n".join(lines).rstrip("\n")
