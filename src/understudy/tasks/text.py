"""Tokens as text and back.

encode(tokens, text, where) -- text as token ids
decode(tokens, ids)         -- token ids as text
"""

from collections.abc import Sequence

import numpy as np

from understudy.tasks.task import NOTHING

MOST_TOLD = 40  # tokens in a message


def encode(tokens: Sequence[str], text: str, where: str) -> np.ndarray:
    """Ids (L,) int64 of the tokens that a text is made of, the longest that fits at each place.

    Spaces and line ends that are no tokens are for the reader alone.

    Args:
        tokens: (V,) their texts.
        text: of them.
        where: what messages begin with.

    Raises:
        ValueError: at some place no token fits.
    """
    by_length = sorted(range(len(tokens)), key=lambda token: -len(tokens[token]))
    ids, place = [], 0
    while place < len(text):
        token = next((token for token in by_length if text.startswith(tokens[token], place)), None)
        if token is not None:
            ids.append(token)
            place += len(tokens[token])
        elif text[place].isspace():
            place += 1
        else:
            known = " ".join(tokens if len(tokens) <= MOST_TOLD else (*tokens[: MOST_TOLD - 1], "..."))
            raise ValueError(f"{where}: expected tokens among {known}, got {text[place]!r} at place {place}")
    return np.asarray(ids, np.int64)


def decode(tokens: Sequence[str], ids: np.ndarray) -> str:
    """The text of token ids (L,); NOTHING has none."""
    return "".join(tokens[token] for token in ids.tolist() if token != NOTHING)
