"""The table of the comparisons, character by character."""

import pytest

from benchmarks.table import markdown, number

MACHINE = {"cores": 2, "processor": "a processor", "python": "3.11.7", "peers": {"torch": "2.13.0"}}
ROW = {
    "work": "playing",
    "unit": "steps/s",
    "ours": {"who": "understudy", "median": 12345.6},
    "theirs": {"who": "a peer", "median": 617.0},
    "ratio": {"median": 20.01, "low": 19.0, "high": 21.5},
    "at_least": False,
    "floor": {"what": "bare environment", "value": 40000.0, "ours": 0.3086},
}


def last_line(row, quick=False):
    group = {"rows": [row], "rounds": 5, "quick": quick}
    return markdown({"machine": MACHINE, "groups": {"group": group}}, ["group"]).splitlines()[-1]


def test_a_row_names_the_work_who_did_it_the_ratio_with_its_spread_and_the_floor():
    assert last_line(ROW) == (
        "| playing | understudy: 12,346 steps/s | a peer: 617 steps/s | 20.01 [19.00, 21.50] | 5 |"
        " bare environment: 40,000 steps/s; ours 0.31 times that |"
    )


def test_a_peer_that_never_got_there_gives_a_lower_bound():
    cells = last_line(ROW | {"at_least": True}).split(" | ")
    assert cells[2:4] == ["a peer: ≥ 617 steps/s", "≥ 20.01 [19.00, 21.50]"]


def test_what_was_measured_on_another_processor_says_on_which():
    group = {"rows": [ROW], "rounds": 5, "quick": False}
    for processor, begins in (("a processor", "| playing |"), ("another", "| playing, on another |")):
        groups = {"group": group | {"processor": processor}}
        assert markdown({"machine": MACHINE, "groups": groups}, ["group"]).splitlines()[-1].startswith(begins)


def test_a_quick_measurement_says_so():
    assert last_line(ROW, quick=True).startswith("| playing (quick) |")


def test_a_note_gives_both_shares_in_percent():
    note = {"what": "loader_share", "ours": 0.0312, "theirs": 0.2}
    row = last_line(ROW | {"note": note})
    assert row.startswith("| playing (loader share: 3.1 % of a step, theirs 20.0 %) |")


def test_a_failed_comparison_stays_in_the_table_with_its_reason():
    row = {"work": "playing", "error": "a peer: expected figures, got exit code 1 of `a | b`"}
    assert last_line(row) == "| playing | failed: a peer: expected figures, got exit code 1 of `a / b` | | | | |"


def test_a_comparison_that_this_machine_cannot_make_stays_in_the_table_with_its_reason():
    row = {"work": "training", "skipped": "ours bfloat16 against d3rlpy: none here"}
    assert last_line(row) == "| training | not measured: ours bfloat16 against d3rlpy: none here | | | | |"


SCORES = {
    "work": "acting",
    "ours": {
        "who": "understudy",
        "score": 0.7981,
        "low": 0.728,
        "high": 0.856,
        "return_mean": 191.39,
        "training_seeds": 5,
    },
    "theirs": {"who": "a peer", "score": -0.25, "low": -0.3, "high": -0.2, "return_mean": -297.0, "training_seeds": 1},
    "difference": {"score": 1.0481, "low": 1.0, "high": 1.125},
    "references": {"expert": 285.43, "random": -180.46},
}


def test_a_row_of_scores_gives_both_with_their_intervals_and_the_difference():
    assert last_line(SCORES) == (
        "| acting | understudy, 5 training seeds: score 0.798 [0.728, 0.856], return 191.4"
        " | a peer, 1 training seed: score -0.250 [-0.300, -0.200], return -297.0"
        " | ours less theirs: 1.048 [1.000, 1.125] | 5 | random actor -180.5, expert 285.4 |"
    )


@pytest.mark.parametrize(
    ("value", "text"), [(0.01234, "0.0123"), (4.561, "4.56"), (99.94, "99.9"), (123.4, "123"), (45678.9, "45,679")]
)
def test_numbers_keep_three_digits(value, text):
    assert number(value) == text
