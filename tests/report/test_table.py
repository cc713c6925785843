"""The table on the screen, character by character."""

from understudy.report.table import describe_differences, describe_options, format_table

EXPERT = {
    "return_mean": 284.57,
    "return_iqm": 285.28,
    "score": 1.0,
    "score_ci_low": 1.0,
    "score_ci_high": 1.0,
    "solved_rate": 1.0,
    "length_mean": 201.495,
    "episodes": 200,
}
RANDOM = EXPERT | {
    "return_mean": -180.46,
    "return_iqm": -156.48,
    "score": 0.0,
    "score_ci_low": 0.0,
    "score_ci_high": 0.0,
    "solved_rate": 0.0,
    "length_mean": 93.2,
}
MLP = EXPERT | {"score": 0.5, "score_ci_low": 0.25, "score_ci_high": 0.75, "solved_rate": 0.1234}
MLP |= {"action_accuracy": 0.9538, "on_policy_agreement": 0.9306}
DECODER = MLP | {"score": 0.75, "gain": -0.25, "gain_ci_low": -0.5, "gain_ci_high": 0.125}
OPTIONS = DECODER | {"shuffled_score": 0.7404, "shuffled_score_ci_low": 0.69, "shuffled_score_ci_high": 0.78}
OPTIONS |= {"option_usage": [0.35, 0.126, 0.524], "option_dwell": 59.5}

TABLE = """\
| policy  | return |    IQM |     score [interval] |             beyond mlp |  solved | steps | accuracy | agreement |
|---------|-------:|-------:|---------------------:|-----------------------:|--------:|------:|---------:|----------:|
| expert  |  284.6 |  285.3 | 1.000 [1.000, 1.000] |                        | 100.0 % |   201 |          |           |
| random  | -180.5 | -156.5 | 0.000 [0.000, 0.000] |                        |   0.0 % |    93 |          |           |
| mlp     |  284.6 |  285.3 | 0.500 [0.250, 0.750] |                        |  12.3 % |   201 |    0.954 |     0.931 |
| decoder |  284.6 |  285.3 | 0.750 [0.250, 0.750] | -0.250 [-0.500, 0.125] |  12.3 % |   201 |    0.954 |     0.931 |"""


def test_the_table_is_literal():
    assert format_table({"expert": EXPERT, "random": RANDOM, "mlp": MLP, "decoder": DECODER}, "mlp") == TABLE


def test_what_is_not_known_stays_empty():
    unknown = EXPERT | {"solved_rate": None, "action_accuracy": None, "on_policy_agreement": 0.5}
    [_, _, row] = format_table({"student": unknown}, "mlp").splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["student", "284.6", "285.3", "1.000 [1.000, 1.000]", "", "", "201", "", "0.500"]


def test_a_table_of_the_default_policies_fits_the_screen():
    """With scores of either sign and returns of four digits."""
    worst = DECODER | {"return_mean": -1234.5, "return_iqm": -1234.5, "score": -1.5, "score_ci_low": -1.5}
    lines = format_table({"expert": EXPERT, "hierarchical": worst}, "mlp").splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines[0]) <= 130


def test_only_policies_with_options_get_a_sentence():
    assert describe_options({"expert": EXPERT, "mlp": MLP, "hierarchical": OPTIONS}) == [
        "hierarchical: uses each option in at least 12 % of the steps, holds one for 60;"
        " with options shuffled the score is 0.740 [0.690, 0.780]"
    ]


def test_options_that_are_never_used_are_named():
    for usage, said in (([0.5, 0.0, 0.5], "never uses option 1,"), ([1.0, 0.0, 0.0], "never uses options 1, 2,")):
        [sentence] = describe_options({"hierarchical": OPTIONS | {"option_usage": usage}})
        assert sentence.startswith(f"hierarchical: {said} holds one for 60;")


def test_a_pair_of_policies_gets_a_sentence():
    between = {"one - other": {"gain": 0.25, "gain_ci_low": 0.125, "gain_ci_high": 0.5}}
    assert describe_differences(between) == ["one - other: 0.250 [0.125, 0.500] of score"]
    assert describe_differences({}) == []
