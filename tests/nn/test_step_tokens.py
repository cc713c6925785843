"""Steps as tokens, there and back."""

import pytest
import torch

from understudy.nn.step_tokens import StepTokens

ACTIONS = {"choices": torch.tensor([3, 0, 1, 2]), "vectors": torch.tensor([[0.5], [-1.0], [1.0], [0.5]])}
STATES = torch.tensor([[0.0, 10.0], [1.0, 10.0], [2.0, 20.0], [1.0, 10.0]])
REWARDS, RETURNS = torch.tensor([0.0, 0.0, 100.0, -1.0]), torch.tensor([1.0, 2.0, 3.0, 4.0])


def fitted(kind: str, num_bins: int = 5) -> StepTokens:
    tokens = StepTokens(("x", "y"), 4 if kind == "choices" else 1, kind == "choices", num_bins)
    tokens.fit(STATES, ACTIONS[kind], REWARDS, RETURNS, "quantile")
    return tokens


@pytest.mark.parametrize("kind", ACTIONS)
def test_what_few_values_have_is_decoded_as_it_was(kind: str) -> None:
    table = fitted(kind)
    tokens = table.encode(STATES, ACTIONS[kind], REWARDS)
    assert (table.num_states, table.num_actions, table.per_step) == (2, 1, 4)
    assert torch.equal(table.decode_states(tokens[:, :2]), STATES)
    assert torch.equal(table.decode_actions(tokens[:, 2:3]), ACTIONS[kind])
    assert torch.equal(table.decode_rewards(tokens[:, 3]), REWARDS)


def test_a_choice_is_its_own_token() -> None:
    assert fitted("choices").encode(STATES, ACTIONS["choices"], REWARDS).tolist() == [
        [0, 0, 3, 1],
        [1, 0, 0, 1],
        [2, 1, 1, 2],
        [1, 0, 2, 0],
    ]


def test_the_vocabulary_holds_all_choices_and_all_bins() -> None:
    assert StepTokens(("x",), 9, True, 4).vocabulary == 9
    assert StepTokens(("x",), 3, True, 4).vocabulary == 4
    assert StepTokens(("x",), 9, False, 4).vocabulary == 4


def test_tokens_without_a_bin_or_a_choice_are_missing() -> None:
    assert (~fitted("choices").missing()).sum(1).tolist() == [3, 2, 4, 3]
    assert (~fitted("vectors").missing()).sum(1).tolist() == [3, 2, 3, 3]


def test_expected_numbers_are_the_means_under_their_probabilities() -> None:
    table = fitted("choices")
    logits = torch.tensor([0.5, 0.25, 0.25, 0.0, 0.0]).log()  # of rewards of -1, 0 and 100
    assert table.expected_rewards(logits).item() == pytest.approx(-0.5 + 25.0)
    logits = torch.tensor([0.5, 0.5, 0.0, 0.0, 1e6])  # the fifth bin does not exist
    share = torch.tensor([0.5, 0.5, 0.0, 0.0]).softmax(0)
    assert table.expected_returns(logits).item() == pytest.approx(float(share @ RETURNS))
    assert table.encode_returns(torch.tensor([[0.0, 2.6], [3.4, 9.0]])).tolist() == [[0, 2], [2, 3]]
