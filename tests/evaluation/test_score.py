"""The entries of metrics/summary.json, from recordings of known returns."""

from dataclasses import replace

import numpy as np
import pytest

from tests.toys import CHOICES, VECTORS, recording
from understudy.errors import DataError
from understudy.evaluation.score import Evaluated, differences, summarise
from understudy.evaluation.statistics import Bootstrap
from understudy.utils.jsonfile import read_json, write_json

BOOTSTRAP = Bootstrap(resamples=500, confidence=0.95, seed=0)
EXPERT = [100.0, 120.0, 110.0, 130.0, 90.0, 140.0, 105.0, 125.0]  # mean 115
RANDOM = [10.0, 20.0, 0.0, 30.0, 15.0, 15.0, 5.0, 25.0]  # mean 15
WEAK = [60.0, 70.0, 55.0, 80.0, 52.5, 77.5, 55.0, 70.0]  # mean 65: half of the way
GOOD = [105.0, 115.0, 105.0, 125.0, 85.0, 135.0, 95.0, 115.0]  # mean 110

REFERENCE_KEYS = {
    "return_mean",
    "return_iqm",
    "return_ci_low",
    "return_ci_high",
    "score",
    "score_ci_low",
    "score_ci_high",
    "solved_rate",
    "length_mean",
    "copy_rate",
    "episodes",
}
POLICY_KEYS = REFERENCE_KEYS | {"action_accuracy", "change_accuracy", "on_policy_agreement"}
GAIN_KEYS = {"gain", "gain_ci_low", "gain_ci_high"}
SHUFFLED_KEYS = {"shuffled_score", "shuffled_score_ci_low", "shuffled_score_ci_high"}


def evaluation(played, *accuracies: float, shuffled=None, num_options: int | None = None) -> Evaluated:
    """One training seed's recording, played with shuffled options too where that is given."""
    variants = {} if shuffled is None else {"shuffled": [shuffled]}
    return Evaluated([played], *accuracies, variants=variants, num_options=num_options)


def judged(**others: Evaluated) -> dict[str, Evaluated]:
    return {"expert": evaluation(recording(EXPERT)), "random": evaluation(recording(RANDOM)), **others}


def test_entries_have_exactly_the_documented_keys():
    hierarchical = evaluation(recording(GOOD), 0.8, shuffled=recording(WEAK))
    summary = summarise(judged(mlp=evaluation(recording(WEAK), 0.9), hierarchical=hierarchical), BOOTSTRAP, "mlp")
    assert list(summary) == ["expert", "random", "mlp", "hierarchical"]
    assert set(summary["expert"]) == set(summary["random"]) == REFERENCE_KEYS
    assert set(summary["mlp"]) == POLICY_KEYS
    assert set(summary["hierarchical"]) == POLICY_KEYS | GAIN_KEYS | SHUFFLED_KEYS


def test_how_options_are_used_is_told_of_those_who_have_some():
    """Episodes of two steps: held 2, 1, 1, 2, 2 and then 2 steps each; of four options two are never used."""
    options = [0, 0, 2, 0, 2, 2, 0, 0, *[2] * 8]
    summary = summarise(judged(student=evaluation(recording(GOOD, options=options), num_options=4)), BOOTSTRAP)
    assert summary["student"]["option_usage"] == [0.3125, 0.0, 0.6875, 0.0]
    assert summary["student"]["option_dwell"] == 2.0


def test_how_options_are_used_is_told_of_nobody_else():
    """Who has no options may have some recorded, and who has some may have played without them now and then."""
    some = recording(GOOD, options=[-1, *[1] * 15])
    without = Evaluated([recording(GOOD, options=[1] * 16)])
    summary = summarise(judged(without=without, sometimes=Evaluated([some], num_options=4)), BOOTSTRAP)
    assert set(summary["without"]) == set(summary["sometimes"]) == POLICY_KEYS


def test_an_option_is_held_by_an_agent():
    """Three agents in rows side by side: two hold one option each, the third changes at every step of four."""
    three = replace(CHOICES, num_agents=3)
    recordings = {name: recording(values[:6], three) for name, values in (("expert", EXPERT), ("random", RANDOM))}
    recordings["student"] = recording(GOOD[:6], three, options=[0, 1, 2, 0, 1, 3, 0, 1, 2, 0, 1, 3])
    for each in recordings.values():
        each.steps["step"][:] = np.repeat(np.arange(4), 3)
    entries = {name: Evaluated([each], num_options=4) for name, each in recordings.items()}
    entry = summarise(entries, BOOTSTRAP)["student"]
    assert entry["option_usage"] == [0.333333, 0.333333, 0.166667, 0.166667]
    assert entry["option_dwell"] == 1.0  # the median of 4, 4, 1, 1, 1, 1
    recordings["student"].steps["option"][:] = [0, 1, 2] * 4
    assert summarise(entries, BOOTSTRAP)["student"]["option_dwell"] == 4.0


def test_the_references_score_one_and_zero_without_doubt():
    summary = summarise(judged(), BOOTSTRAP)
    for name, score in (("expert", 1.0), ("random", 0.0)):
        entry = summary[name]
        assert (entry["score"], entry["score_ci_low"], entry["score_ci_high"]) == (score, score, score)


def test_a_policys_numbers_are_those_of_its_returns():
    """Sorted, the middle half of WEAK is 55, 60, 70, 70, and none of its returns reaches 100."""
    entry = summarise(judged(student=evaluation(recording(WEAK), 0.875, 0.25)), BOOTSTRAP)["student"]
    assert entry["return_mean"] == 65.0
    assert entry["return_iqm"] == 63.75
    assert entry["score"] == 0.5
    assert entry["action_accuracy"] == 0.875
    assert entry["change_accuracy"] == 0.25
    assert entry["length_mean"] == 2.0
    assert entry["episodes"] == 8
    assert entry["solved_rate"] == 0.0
    assert entry["return_ci_low"] < 65.0 < entry["return_ci_high"]
    assert entry["score_ci_low"] < 0.5 < entry["score_ci_high"]


def test_solved_is_from_the_threshold_on():
    """The toy counts as solved from a return of 100: seven of the expert's eight, six of the student's."""
    summary = summarise(judged(student=evaluation(recording([100.0, *GOOD[1:]]))), BOOTSTRAP)
    assert summary["expert"]["solved_rate"] == 0.875
    assert summary["student"]["solved_rate"] == 0.75
    assert summary["random"]["solved_rate"] == 0.0


def test_without_a_threshold_there_is_no_solved_rate(tmp_path):
    spec = replace(CHOICES, solved_return=None)
    summary = summarise(
        {"expert": evaluation(recording(EXPERT, spec)), "random": evaluation(recording(RANDOM, spec))}, BOOTSTRAP
    )
    assert summary["expert"]["solved_rate"] is None
    write_json(tmp_path / "summary.json", summary)
    assert read_json(tmp_path / "summary.json") == summary


def test_gain_is_the_score_beyond_the_baselines():
    summary = summarise(judged(mlp=evaluation(recording(WEAK)), decoder=evaluation(recording(GOOD))), BOOTSTRAP, "mlp")
    assert summary["decoder"]["gain"] == pytest.approx(0.95 - 0.5)
    assert summary["decoder"]["gain_ci_low"] < 0.45 < summary["decoder"]["gain_ci_high"]


def test_a_twin_of_the_baseline_gains_nothing_without_doubt():
    summary = summarise(judged(mlp=evaluation(recording(WEAK)), twin=evaluation(recording(WEAK))), BOOTSTRAP, "mlp")
    assert [summary["twin"][key] for key in sorted(GAIN_KEYS)] == [0.0, 0.0, 0.0]


def test_without_a_baseline_there_is_no_gain():
    both = judged(mlp=evaluation(recording(WEAK)), decoder=evaluation(recording(GOOD)))
    summary = summarise(both, BOOTSTRAP)
    assert set(summary["decoder"]) == set(summary["mlp"]) == POLICY_KEYS


def test_the_baseline_is_the_one_that_is_named():
    both = judged(mlp=evaluation(recording(WEAK)), decoder=evaluation(recording(GOOD)))
    summary = summarise(both, BOOTSTRAP, "decoder")
    assert summary["mlp"]["gain"] == pytest.approx(0.5 - 0.95)
    assert "gain" not in summary["decoder"]


def test_scores_are_paired_by_seed():
    """A policy that is always 10 worse than the expert: with pairs, only the gap between the references varies."""
    worse = [total - 10 for total in EXPERT]
    entry = summarise(judged(student=evaluation(recording(worse))), BOOTSTRAP)["student"]
    assert entry["score"] == pytest.approx(0.9)
    assert 0 < entry["score_ci_high"] - entry["score_ci_low"] < 0.04
    assert entry["return_ci_high"] - entry["return_ci_low"] > 15


def test_the_score_with_shuffled_options_has_its_own_interval():
    entry = summarise(judged(student=evaluation(recording(GOOD), shuffled=recording(WEAK))), BOOTSTRAP)["student"]
    assert entry["score"] == pytest.approx(0.95)
    assert entry["shuffled_score"] == 0.5
    assert entry["shuffled_score_ci_low"] < 0.5 < entry["shuffled_score_ci_high"]


def test_agreement_of_choices_is_the_share_of_equal_ones():
    actions, demonstrated = [0, 1, 2, 3] * 4, [0, 1, 2, 0] * 4
    played = recording(GOOD, actions=actions, demonstrated=demonstrated)
    assert summarise(judged(student=evaluation(played)), BOOTSTRAP)["student"]["on_policy_agreement"] == 0.75


def test_agreement_of_vectors_is_within_a_tenth_of_the_range_in_every_entry():
    """The ranges are 2 and 2.5, so that entries may differ by 0.2 and 0.25."""
    demonstrated = [[0.0, 0.0]] * 8
    actions = [[0.19, 0.24], [0.21, 0.0], [0.0, 0.26], [-0.19, -0.24]] * 2
    recordings = {"expert": recording(EXPERT[:4], VECTORS), "random": recording(RANDOM[:4], VECTORS)}
    recordings["student"] = recording(GOOD[:4], VECTORS, actions=actions, demonstrated=demonstrated)
    summary = summarise({name: evaluation(each) for name, each in recordings.items()}, BOOTSTRAP)
    assert summary["student"]["on_policy_agreement"] == 0.5


def test_the_copy_rate_is_the_share_of_repeated_choices_within_episodes():
    """Five of eight second steps repeat the first; an episode's first step never counts, though all but one repeat the last."""
    actions = [0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 2, 3]
    summary = summarise(judged(student=evaluation(recording(GOOD, actions=actions))), BOOTSTRAP)
    assert summary["student"]["copy_rate"] == 0.625
    assert summary["expert"]["copy_rate"] == summary["random"]["copy_rate"] == 1.0


def test_vectors_are_repeated_within_a_tenth_of_the_range():
    """Of four second steps the first stays within 0.2 and 0.25 of the step before, the others do not."""
    actions = [[0, 0], [0.19, 0.24], [0, 0], [0.21, 0], [0, 0], [0, -0.3], [0, 0], [1, 0.5]]
    recordings = {"expert": recording(EXPERT[:4], VECTORS), "random": recording(RANDOM[:4], VECTORS)}
    recordings["student"] = recording(GOOD[:4], VECTORS, actions=actions)
    summary = summarise({name: evaluation(each) for name, each in recordings.items()}, BOOTSTRAP)
    assert summary["student"]["copy_rate"] == 0.25


def test_each_of_several_agents_is_compared_with_itself():
    """Two agents in 16 rows, so two steps of 2 x 2 rows an episode: the first agent always repeats, the second never does."""
    two_agents = replace(CHOICES, num_agents=2)
    recordings = {name: recording(values, two_agents) for name, values in (("expert", EXPERT), ("random", RANDOM))}
    recordings["student"] = recording(GOOD, two_agents, actions=[1, 2, 1, 3] * 4)
    for each in recordings.values():
        each.steps["step"][:] = np.tile([0, 0, 1, 1], 4)
    summary = summarise({name: evaluation(each) for name, each in recordings.items()}, BOOTSTRAP)
    assert summary["student"]["copy_rate"] == 0.5


def test_episodes_of_one_step_repeat_nothing():
    """Every second of the toy's steps becomes an episode's first."""
    played = recording(GOOD)
    played.steps["step"][:] = 0
    assert summarise(judged(student=evaluation(played)), BOOTSTRAP)["student"]["copy_rate"] is None


def test_other_seeds_are_refused():
    with pytest.raises(DataError, match=r"^data/evaluation/student: expected the expert's seeds, got others"):
        summarise(judged(student=evaluation(recording(GOOD, first_seed=11))), BOOTSTRAP)
    with pytest.raises(DataError, match=r"^data/evaluation/student: expected the expert's seeds, got others"):
        summarise(judged(student=evaluation(recording(GOOD[:5]))), BOOTSTRAP)


def test_other_seeds_with_shuffled_options_are_refused():
    with pytest.raises(DataError, match=r"^data/evaluation/student/shuffled: expected the expert's seeds"):
        summarise(judged(student=evaluation(recording(GOOD), shuffled=recording(WEAK, first_seed=0))), BOOTSTRAP)


def test_another_environment_is_refused():
    other = replace(CHOICES, environment_id="Other-v0")
    expected = r"^data/evaluation/student: expected the expert's environment Toy-v0.*, got Other-v0"
    with pytest.raises(DataError, match=expected):
        summarise(judged(student=evaluation(recording(GOOD, other))), BOOTSTRAP)


def test_other_settings_of_the_environment_are_refused_by_what_differs():
    windy = replace(CHOICES, kwargs={"enable_wind": True})
    with pytest.raises(DataError, match="enable_wind"):
        summarise(judged(student=evaluation(recording(GOOD, windy))), BOOTSTRAP)


@pytest.mark.parametrize("expert", [RANDOM, [total - 1 for total in RANDOM]])
def test_an_expert_no_better_than_random_is_refused(expert):
    with pytest.raises(
        DataError, match=r"^data/evaluation/expert: expected a mean return above the random actor's 15\.0"
    ):
        summarise({"expert": evaluation(recording(expert)), "random": evaluation(recording(RANDOM))}, BOOTSTRAP)


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:The BCa confidence interval")
def test_episodes_too_few_for_an_interval_are_refused():
    """A third of the resamples of three episodes miss the only one that the expert wins: 0 / 0. JSON has no NaN."""
    references = {"expert": evaluation(recording([1.0, 0.0, 0.0])), "random": evaluation(recording([0.0, 0.0, 0.0]))}
    with pytest.raises(
        DataError, match=r"expected enough episodes for an interval of the score, got 3 among which some"
    ):
        summarise(references, BOOTSTRAP)


def test_a_difference_is_that_of_the_scores_and_paired_by_seed():
    """110 and 65 of a mean return: 0.95 and 0.5 of score. The pairs differ by 32.5 to 52.5 of 100 between the references."""
    each = judged(good=evaluation(recording(GOOD)), weak=evaluation(recording(WEAK)))
    found = differences(each, [["good", "weak"], ["weak", "good"], ["good", "good"]], BOOTSTRAP)
    assert list(found) == ["good - weak", "weak - good", "good - good"]
    assert set(found["good - weak"]) == GAIN_KEYS
    assert found["good - weak"]["gain"] == pytest.approx(0.45)
    assert found["good - good"] == {"gain": 0.0, "gain_ci_low": 0.0, "gain_ci_high": 0.0}
    one, other = found["good - weak"], found["weak - good"]
    assert other["gain_ci_low"] == pytest.approx(-one["gain_ci_high"], abs=0.01)
    assert 0.3 < one["gain_ci_low"] < 0.45 < one["gain_ci_high"] < 0.6


def test_no_pairs_are_no_differences():
    assert differences(judged(), [], BOOTSTRAP) == {}


# Several training seeds


def of_seeds(*returns: list[float], **options) -> Evaluated:
    """A policy trained so many times."""
    return Evaluated([recording(each) for each in returns], **options)


def test_numbers_of_several_training_seeds_are_over_all_of_their_episodes():
    """Means of 65 and 110; the middle half of the sixteen is 70, 70, 77.5, 80, 85, 95, 105, 105."""
    entry = summarise(judged(student=of_seeds(WEAK, GOOD)), BOOTSTRAP)["student"]
    assert set(entry) == POLICY_KEYS | {"training_seeds"}
    assert (entry["training_seeds"], entry["episodes"]) == (2, 8)
    assert entry["return_mean"] == 87.5
    assert entry["return_iqm"] == pytest.approx(np.mean([70, 70, 77.5, 80, 85, 95, 105, 105]))
    assert entry["score"] == pytest.approx(0.725)
    assert entry["solved_rate"] == 6 / 16
    assert entry["score_ci_low"] < 0.725 < entry["score_ci_high"]


def test_seeds_that_differ_make_an_interval_wide():
    """Both policies have 0.725 of score; the seeds of one are 0.45 apart, those of the other do the same."""
    middle = [(weak + good) / 2 for weak, good in zip(WEAK, GOOD, strict=True)]
    summary = summarise(judged(apart=of_seeds(WEAK, GOOD), alike=of_seeds(middle, middle)), BOOTSTRAP)
    width = {name: summary[name]["score_ci_high"] - summary[name]["score_ci_low"] for name in ("apart", "alike")}
    assert summary["apart"]["score"] == pytest.approx(summary["alike"]["score"])
    assert width["apart"] > 0.4 > 2 * width["alike"]


def test_a_gain_and_a_variant_may_have_several_training_seeds():
    student = of_seeds(GOOD, GOOD, variants={"shuffled": [recording(WEAK), recording(RANDOM)]})
    each = judged(mlp=of_seeds(WEAK, WEAK, WEAK), student=student)
    summary = summarise(each, BOOTSTRAP, "mlp")
    assert summary["student"]["gain"] == pytest.approx(0.45)
    assert summary["student"]["shuffled_score"] == pytest.approx(0.25)
    found = differences(each, [["student", "mlp"]], BOOTSTRAP)["student - mlp"]
    assert found == {key: summary["student"][key] for key in GAIN_KEYS}


def test_options_agreement_and_copies_are_counted_over_all_training_seeds():
    first = recording(GOOD, actions=[0, 0] * 8, demonstrated=[0, 0] * 8, options=[0] * 16)
    second = recording(GOOD, actions=[0, 1] * 8, demonstrated=[0, 0] * 8, options=[1] * 16)
    student = Evaluated([first, second], num_options=2)
    entry = summarise(judged(student=student), BOOTSTRAP)["student"]
    assert (entry["on_policy_agreement"], entry["copy_rate"]) == (0.75, 0.5)
    assert (entry["option_usage"], entry["option_dwell"]) == ([0.5, 0.5], 2.0)


def test_other_seeds_of_episodes_under_a_further_training_seed_are_refused():
    other = Evaluated([recording(GOOD), recording(GOOD, first_seed=11)])
    with pytest.raises(DataError, match=r"^data/evaluation/student: expected the expert's seeds, got others"):
        summarise(judged(student=other), BOOTSTRAP)


def test_without_an_expert_the_upper_reference_is_the_demonstrations_mean_return():
    """Of other episodes, and more of them; by hand, (policy - random) / (demonstrations - random)."""
    evaluated = {
        "demonstrations": Evaluated([recording([8.0, 12.0, 10.0], first_seed=500)]),
        "random": Evaluated([recording([0.0, 4.0])]),
        "policy": Evaluated([recording([5.0, 7.0])]),
    }
    summary = summarise(evaluated, BOOTSTRAP, None)
    assert summary["policy"]["score"] == pytest.approx((6 - 2) / (10 - 2))
    assert summary["random"]["score"] == 0
    assert "score" not in summary["demonstrations"]
    assert summary["policy"]["on_policy_agreement"] is None


def test_demonstrations_no_better_than_random_are_refused():
    evaluated = {
        "demonstrations": Evaluated([recording([1.0, 2.0])]),
        "random": Evaluated([recording([3.0, 4.0])]),
    }
    with pytest.raises(DataError, match=r"^data/raw: expected a mean return above the random actor's 3\.5, got 1\.5"):
        summarise(evaluated, BOOTSTRAP, None)
