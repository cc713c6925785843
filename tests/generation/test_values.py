"""What tokens are worth: what the model says of them at their step, in raw reward."""

import numpy as np
import pytest
import torch

from tests.builders import refused
from tests.generation.policies import WORDLE, text_policy
from understudy.errors import ParameterError
from understudy.generation.prompt import read_prompt
from understudy.generation.values import format_worth, token_worth
from understudy.step import Step
from understudy.tasks.recording import GameReader

TEXT = "dog<b><g><b>co"


@torch.inference_mode()
def test_every_token_is_worth_what_is_said_of_it_before_it_is_written():
    policy = text_policy("language_q")
    prompt = read_prompt(WORDLE, TEXT)
    worth = token_worth(policy, WORDLE, prompt)
    memory, reader = policy.model.tokens.encoder.begin(1), GameReader(WORDLE, prompt.opening[None])
    for place, (token, reply) in enumerate(zip(prompt.actions, prompt.replies, strict=True)):
        states = torch.from_numpy(policy.task.normalize_states(reader.observation()))
        step = Step(states, torch.zeros(1), torch.zeros(1), torch.zeros(1) > 0)
        features = policy.model.tokens.encoder.decode_step(memory, step)
        values = policy.model.tokens.values(features)[0, :, int(token)]
        assert worth.values[place] == pytest.approx(1.5 * float(values.min()), abs=1e-5)
        assert worth.text_values[place] == pytest.approx(1.5 * float(policy.model.value_head(features)[0, 0]), abs=1e-5)
        likelihood = policy.model.policy_head(features)[0].softmax(-1)[int(token)]
        assert worth.likelihoods[place] == pytest.approx(float(likelihood), abs=1e-5)
        reader.read(token[None], reply[None])
    assert worth.ends.tolist() == [False, False, True, False, False]


def test_they_are_shown_a_line_a_token_and_turns_apart():
    worth = token_worth(text_policy("language_q"), WORDLE, read_prompt(WORDLE, TEXT))
    lines = format_worth(WORDLE, worth).splitlines()
    assert [line.split()[:1] for line in lines] == [["token"], ["d"], ["o"], ["g"], [], ["c"], ["o"]]
    cells = lines[1].split()
    assert cells[1:3] == [f"{worth.likelihoods[0]:.3f}", f"{worth.values[0]:.2f}"]
    assert cells[4] == f"{worth.values[0] - worth.text_values[0]:+.2f}"


def test_a_policy_without_values_and_a_text_without_tokens_are_refused():
    with refused(ParameterError, "--values: expected a policy of the family language_q, got language_bc"):
        token_worth(text_policy("language_bc"), WORDLE, read_prompt(WORDLE, TEXT))
    with refused(ParameterError, "--values: expected from 1 to 24 tokens of the player's, got 0"):
        token_worth(text_policy("language_q"), WORDLE, read_prompt(WORDLE, ""))
    assert np.isfinite(token_worth(text_policy("language_q"), WORDLE, read_prompt(WORDLE, "d")).values).all()
