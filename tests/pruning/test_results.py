"""The table of what pruning costs and saves."""

from understudy.pruning.results import format_table, slower_in_int8


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


def test_what_eight_bits_never_make_faster_is_told():
    times = {
        "1": {"full": 500.0, "full_int8": 700.0, "small": 40.0, "small_int8": 50.0, "tiny": 9.0},
        "64": {"full": 3000.0, "full_int8": 2000.0, "small": 60.0, "small_int8": 60.0, "tiny": 9.0},
    }
    assert slower_in_int8(["full", "small", "tiny"], times) == [
        "small is not faster in eight bits (environments at a time: 1, 64); leave it out of int8."
    ]
    assert slower_in_int8(["full"], {"1": times["1"]}) == [
        "full is not faster in eight bits (environments at a time: 1); leave it out of int8."
    ]
