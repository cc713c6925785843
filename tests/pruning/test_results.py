"""The table of what pruning costs and saves."""

from understudy.pruning.results import format_table


def entry(score, gain=None):
    entry = {"numbers_not_zero": 12345, "return_mean": 10.0, "score": score}
    entry |= {"score_ci_low": score - 0.1, "score_ci_high": score + 0.1}
    return entry if gain is None else entry | {"gain": gain, "gain_ci_low": -0.2, "gain_ci_high": 0.1}


def test_a_row_for_each_that_was_scored_or_timed():
    results = {"full": entry(1.0), "small": entry(0.9, -0.1)}
    times = {"1": {"full": 500.4, "small_int8": 1234.0}, "64": {"full": 3000.0}}
    assert format_table(results, times).splitlines() == [
        "| policy | numbers not zero | return | score [interval] | beyond full [interval] | µs a step of 1 | µs a step of 64 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| full | 12,345 | 10.0 | 1.000 [0.900, 1.100] |  | 500 | 3,000 |",
        "| small | 12,345 | 10.0 | 0.900 [0.800, 1.000] | -0.100 [-0.200, 0.100] |  |  |",
        "| small_int8 |  |  |  |  | 1,234 |  |",
    ]
