"""From evaluation recordings to the numbers of metrics/summary.json.

summarise(recordings, ...)   -- one entry a policy
differences(recordings, ...) -- one a pair of policies
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from understudy.episode import NO_OPTION
from understudy.errors import DataError
from understudy.evaluation.statistics import Bootstrap, interquartile_mean, normalised_score
from understudy.options.usage import describe_usage
from understudy.rollouts.parquet import Recording

EXPERT, RANDOM, BASELINE = "expert", "random", "mlp"


@dataclass(frozen=True)
class Judged:
    """One policy's evaluation: its recording, its accuracy on held-out episodes, there at all steps and at those where the
    demonstrated action changes, and its play with shuffled options, of which it has `num_options`."""

    recording: Recording
    action_accuracy: float | None = None
    change_accuracy: float | None = None
    shuffled: Recording | None = None
    num_options: int | None = None


def summarise(judged: dict[str, Judged], bootstrap: Bootstrap) -> dict[str, dict[str, Any]]:
    """One entry a policy, in the given order; "expert" and "random" are the references of the score.

    Returns:
        return_* in raw reward; score is 1 for the expert and 0 for random; *_ci_low and *_ci_high bound intervals by episodes,
        paired by seed; gain is the score beyond the memoryless baseline's; solved_rate a share of episodes, None where the
        environment has no threshold; length_mean in steps; copy_rate the share of the steps, but for an episode's first, whose
        action is that of the step before, None where all episodes have one step. Of a policy that plays with options
        option_usage is the share of the steps of each, and option_dwell for how many steps one is held, the median.

    Raises:
        DataError: recordings of other seeds or environments, or an expert no better than random.
    """
    _check_pairing(judged)
    returns = {name: each.recording.episodes["return"] for name, each in judged.items()}
    expert, random = returns[EXPERT], returns[RANDOM]
    if expert.mean() <= random.mean():
        raise DataError(
            f"data/evaluation/{EXPERT}: expected a mean return above the random actor's {random.mean():.1f},"
            f" got {expert.mean():.1f}; a score needs an expert that is better than random"
        )
    summary = {}
    for name, each in judged.items():
        entry = _describe_returns(each.recording, bootstrap) | _score("score", bootstrap, returns[name], expert, random)
        if name not in (EXPERT, RANDOM):
            entry["action_accuracy"] = each.action_accuracy
            entry["change_accuracy"] = each.change_accuracy
            entry["on_policy_agreement"] = _agreement(each.recording)
            if BASELINE in returns and name != BASELINE:
                entry |= _gain(bootstrap, returns[name], returns[BASELINE], expert, random)
        if each.num_options is not None and (each.recording.steps["option"] != NO_OPTION).all():
            entry |= _options(each.recording, each.num_options)
        if each.shuffled is not None:
            entry |= _score("shuffled_score", bootstrap, each.shuffled.episodes["return"], expert, random)
        summary[name] = entry
    return summary


def differences(judged: dict[str, Judged], pairs: list[list[str]], bootstrap: Bootstrap) -> dict[str, dict[str, float]]:
    """By "first - second", the difference of the scores of each pair of policies with its interval, paired by seed."""
    returns = {name: each.recording.episodes["return"] for name, each in judged.items()}
    references = returns[EXPERT], returns[RANDOM]
    return {f"{one} - {other}": _gain(bootstrap, returns[one], returns[other], *references) for one, other in pairs}


def _check_pairing(judged: dict[str, Judged]) -> None:
    reference = judged[EXPERT].recording
    recordings = {name: each.recording for name, each in judged.items()}
    recordings |= {f"{name}/shuffled": each.shuffled for name, each in judged.items() if each.shuffled is not None}
    for name, recording in recordings.items():
        if recording.spec != reference.spec:
            expected, got = reference.spec, recording.spec
            raise DataError(
                f"data/evaluation/{name}: expected the expert's environment {expected.environment_id} with {expected.kwargs},"
                f" got {got.environment_id} with {got.kwargs}"
            )
        if not np.array_equal(recording.episodes["seed"], reference.episodes["seed"]):
            raise DataError(
                f"data/evaluation/{name}: expected the expert's seeds, got others; scores are paired by seed"
            )


def _describe_returns(recording: Recording, bootstrap: Bootstrap) -> dict[str, Any]:
    returns = recording.episodes["return"]
    interval = bootstrap.interval(np.mean, returns)
    threshold = recording.spec.solved_return
    return {
        "return_mean": float(returns.mean()),
        "return_iqm": interquartile_mean(returns),
        "return_ci_low": interval.low,
        "return_ci_high": interval.high,
        "solved_rate": None if threshold is None else float((returns >= threshold).mean()),
        "length_mean": float(recording.episodes["length"].mean()),
        "copy_rate": _copy_rate(recording),
        "episodes": len(returns),
    }


def _score(
    key: str, bootstrap: Bootstrap, policy: np.ndarray, expert: np.ndarray, random: np.ndarray
) -> dict[str, float]:
    interval = bootstrap.interval(normalised_score, policy, expert, random)
    if not np.isfinite([interval.low, interval.high]).all():
        raise DataError(
            f"data/evaluation: expected enough episodes for an interval of the score, got {len(policy)}"
            " among which some resamples know no difference between expert and random"
        )
    return {
        key: float(normalised_score(policy, expert, random)),
        f"{key}_ci_low": interval.low,
        f"{key}_ci_high": interval.high,
    }


def _gain(
    bootstrap: Bootstrap, policy: np.ndarray, baseline: np.ndarray, expert: np.ndarray, random: np.ndarray
) -> dict[str, float]:
    def gain(
        policy: np.ndarray, baseline: np.ndarray, expert: np.ndarray, random: np.ndarray, axis: int = -1
    ) -> np.ndarray:
        return normalised_score(policy, expert, random, axis) - normalised_score(baseline, expert, random, axis)

    interval = bootstrap.interval(gain, policy, baseline, expert, random)
    return {
        "gain": float(gain(policy, baseline, expert, random)),
        "gain_ci_low": interval.low,
        "gain_ci_high": interval.high,
    }


def _options(recording: Recording, num_options: int) -> dict[str, Any]:
    """How the policy used its options; an agent's steps follow one another."""
    options, step = (
        recording.steps[name].reshape(-1, recording.spec.num_agents).T.reshape(-1) for name in ("option", "step")
    )
    used = describe_usage(options, step == 0, num_options)
    return {"option_usage": used["usage"], "option_dwell": used["median_dwell"]}


def _agreement(recording: Recording) -> float:
    """Share of the steps at which the policy did what the expert would have done in the same state."""
    agree = recording.spec.agree(recording.steps["action"], recording.steps["demonstrated_action"])
    return float(agree.mean())


def _copy_rate(recording: Recording) -> float | None:
    """Share of the steps, an episode's first left out, at which the policy did what it had done the step before."""
    actions, agents = recording.steps["action"], recording.spec.num_agents  # an agent's rows lie that far apart
    repeats = recording.spec.agree(actions[agents:], actions[:-agents])
    follows = recording.steps["step"][agents:] > 0
    return float(repeats[follows].mean()) if follows.any() else None
