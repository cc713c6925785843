"""Embedded steps: each token with the last whole state before its successor."""

import torch

from understudy.nn.step_embedding import StepEmbedding

STATES, TOKENS, VOCABULARY, WIDTH = 3, 5, 7, 4


def build() -> StepEmbedding:
    torch.manual_seed(0)
    return StepEmbedding(STATES, TOKENS, VOCABULARY, WIDTH)


def test_a_token_knows_the_last_state_that_is_whole() -> None:
    """A state's own first tokens know the one before it, zero at a row's start; its last one and what follows know itself."""
    embedding = build()
    tokens, states = torch.randint(VOCABULARY, (2, 4, TOKENS)), torch.randn(2, 4, STATES)
    embedded = embedding(tokens, states)
    for row in range(2):
        for step in range(4):
            for position in range(TOKENS):
                whole = step if position >= 2 else step - 1
                state = states[row, whole] if whole >= 0 else torch.zeros(STATES)
                expected = embedding.at(tokens[row, step, position], position, state)
                torch.testing.assert_close(embedded[row, step, position], expected)


def test_the_present_is_embedded_as_in_a_row() -> None:
    """Of the step before the action and the reward, then the present state."""
    embedding = build()
    tokens, states = torch.randint(VOCABULARY, (2, 2, TOKENS)), torch.randn(2, 2, STATES)
    of_row = embedding(tokens, states)
    mixed = torch.cat([tokens[:, 1, :STATES], tokens[:, 0, STATES:]], dim=1)
    present = embedding.present(mixed, states[:, 0], states[:, 1])
    torch.testing.assert_close(present[:, :STATES], of_row[:, 1, :STATES])
    torch.testing.assert_close(present[:, STATES:], of_row[:, 0, STATES:])


def test_at_an_episodes_start_there_is_no_state_before() -> None:
    embedding = build()
    tokens, states = torch.randint(VOCABULARY, (2, TOKENS)), torch.randn(2, STATES)
    present = embedding.present(tokens, torch.zeros(2, STATES), states)
    torch.testing.assert_close(present[:, :STATES], embedding(tokens[:, None], states[:, None])[:, 0, :STATES])


def test_a_state_s_maps_begin_by_the_number_of_its_components() -> None:
    """Of normalised states come tokens of unit size, however many components there are."""
    torch.manual_seed(0)
    for states in (4, 64):
        maps = StepEmbedding(states, 3, 5, 128).state_maps
        assert abs(maps.std().item() * states**0.5 - 1) < 0.1
