"""What may be said of Q-learning."""

import math

import pytest

from understudy.nn.q_options import QOptions


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("burn_in", 0, "expected at least 1, got 0"),
        ("num_heads_of_values", 0, "expected at least 1, got 0"),
        ("clipped_heads", 0, "expected at least 1, got 0"),
        ("clipped_heads", 6, "expected at most the 5 heads of values that there are, got 6"),
        ("num_steps", 0, "expected at least 1, got 0"),
        ("target_every", 0, "expected at least 1, got 0"),
        ("discount", 0.0, "expected above 0, at most 1, got 0.0"),
        ("discount", 1.01, "expected above 0, at most 1, got 1.01"),
        ("target_rate", 0.0, "expected above 0, at most 1, got 0.0"),
        ("target_rate", math.nan, "expected above 0, at most 1, got nan"),
        ("penalty_weight", -1.0, "expected at least 0, got -1.0"),
        ("penalty_temperature", 0.0, "expected above 0, got 0.0"),
    ],
)
def test_numbers_out_of_their_range_are_refused(name, value, sentence):
    with pytest.raises(ValueError, match=f"{name}: {sentence}"):
        QOptions(**{name: value})


def test_bounds_are_good():
    QOptions(num_heads_of_values=1, clipped_heads=1, discount=1.0, target_rate=1.0, penalty_weight=0.0)
