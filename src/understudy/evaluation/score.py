"""From evaluation recordings to the numbers of metrics/summary.json.

Evaluated                          -- what is known of one policy
summarise(evaluated, ...)          -- one entry a policy
differences(evaluated, ...)        -- one a pair of policies

R training seeds, E evaluation episodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from understudy.episode import NO_OPTION
from understudy.errors import DataError
from understudy.evaluation.statistics import Bootstrap, interquartile_mean, normalised_score
from understudy.options.usage import describe_usage
from understudy.rollouts.parquet import Recording

EXPERT, RANDOM = "expert", "random"
DEMONSTRATIONS = "demonstrations"  # in the expert's place where there is none to ask


@dataclass(frozen=True)
class Evaluated:
    """One policy's evaluation.

    Attributes:
        recordings: R of them, one a training seed; one of a demonstrator.
        action_accuracy, change_accuracy: means over the training seeds on held-out episodes, at all steps and at those where the
            demonstrated action changes; None where they are not known.
        variants: other ways in which it played, R recordings each.
        num_options: how many it may follow; None for one without options.
    """

    recordings: Sequence[Recording]
    action_accuracy: float | None = None
    change_accuracy: float | None = None
    variants: dict[str, Sequence[Recording]] = field(default_factory=dict)
    num_options: int | None = None

    @property
    def returns(self) -> np.ndarray:
        """(R, E) float64, raw reward."""
        return _returns(self.recordings)


def summarise(
    evaluated: dict[str, Evaluated], bootstrap: Bootstrap, baseline: str | None = None
) -> dict[str, dict[str, Any]]:
    """One entry a policy, in the given order; "expert" and "random" are the references of the score.

    Where there is no expert, "demonstrations" stands in its place, a recording of episodes from elsewhere. What they returned on
    average is then the score's upper reference, a constant as in D4RL's normalised scores, and nobody can be agreed with.

    Args:
        evaluated: by name.
        bootstrap: how intervals are made.
        baseline: the policy whose score the others have to beat; None for none.

    Returns:
        return_* in raw reward; score is 1 for the expert and 0 for random; *_ci_low and *_ci_high bound intervals over training
        seeds and over episodes, paired by the episodes' seeds; gain is the score beyond the baseline's; solved_rate a share of
        episodes, None where the environment has no threshold; length_mean in steps; copy_rate the share of the steps, but for an
        episode's first, whose action is that of the step before, None where all episodes have one step. Of a policy that plays
        with options option_usage is the share of the steps of each, and option_dwell for how many steps one is held, the median.
        VARIANT_score is that of another way to play. training_seeds is R where there are several.

    Raises:
        DataError: recordings of other seeds or environments, or an expert no better than random.
    """
    _check_pairing(evaluated)
    returns = {name: each.returns for name, each in evaluated.items()}
    expert, random = _references(returns)
    if expert.mean() <= random.mean():
        where = f"data/evaluation/{EXPERT}" if EXPERT in returns else "data/raw"
        raise DataError(
            f"{where}: expected a mean return above the random actor's {random.mean():.1f},"
            f" got {expert.mean():.1f}; a score needs an expert that is better than random"
        )
    summary = {}
    for name, each in evaluated.items():
        entry = _describe_returns(each, bootstrap)
        if name != DEMONSTRATIONS:  # other episodes, and more or fewer of them: no pairs
            entry |= _score("score", bootstrap, returns[name], expert, random)
        if name not in (EXPERT, RANDOM, DEMONSTRATIONS):
            entry["action_accuracy"] = each.action_accuracy
            entry["change_accuracy"] = each.change_accuracy
            entry["on_policy_agreement"] = _agreement(each.recordings) if EXPERT in evaluated else None
            if baseline is not None and name != baseline:
                entry |= _gain(bootstrap, returns[name], returns[baseline], expert, random)
        if each.num_options is not None and all((one.steps["option"] != NO_OPTION).all() for one in each.recordings):
            entry |= _options(each.recordings, each.num_options)
        for variant, recordings in each.variants.items():
            entry |= _score(f"{variant}_score", bootstrap, _returns(recordings), expert, random)
        summary[name] = entry
    return summary


def differences(
    evaluated: dict[str, Evaluated], pairs: list[list[str]], bootstrap: Bootstrap
) -> dict[str, dict[str, float]]:
    """By "first - second", the difference of the scores of each pair of policies with its interval, paired by seed."""
    returns = {name: each.returns for name, each in evaluated.items()}
    references = _references(returns)
    return {f"{one} - {other}": _gain(bootstrap, returns[one], returns[other], *references) for one, other in pairs}


def _references(returns: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What the demonstrator and the random actor returned, (1, E) each."""
    random = returns[RANDOM]
    return returns[EXPERT] if EXPERT in returns else np.full_like(random, returns[DEMONSTRATIONS].mean()), random


def _returns(recordings: Sequence[Recording]) -> np.ndarray:
    return np.stack([recording.episodes["return"] for recording in recordings])


def _check_pairing(evaluated: dict[str, Evaluated]) -> None:
    [reference] = evaluated.get(EXPERT, evaluated[RANDOM]).recordings
    recordings = [(name, one) for name, each in evaluated.items() if name != DEMONSTRATIONS for one in each.recordings]
    recordings += [
        (f"{name}/{variant}", one)
        for name, each in evaluated.items()
        for variant, ones in each.variants.items()
        for one in ones
    ]
    for name, recording in recordings:
        if recording.spec != reference.spec:
            expected, got = reference.spec, recording.spec
            raise DataError(
                f"data/evaluation/{name}: expected the expert's environment {expected.described}, got {got.described}"
            )
        if not np.array_equal(recording.episodes["seed"], reference.episodes["seed"]):
            raise DataError(
                f"data/evaluation/{name}: expected the expert's seeds, got others; scores are paired by seed"
            )


def _describe_returns(evaluated: Evaluated, bootstrap: Bootstrap) -> dict[str, Any]:
    returns, recordings = evaluated.returns, evaluated.recordings
    interval = bootstrap.interval(np.mean, returns)
    threshold = recordings[0].spec.solved_return
    lengths = np.stack([recording.episodes["length"] for recording in recordings])
    described = {
        "return_mean": float(returns.mean()),
        "return_iqm": interquartile_mean(returns.reshape(-1)),
        "return_ci_low": interval.low,
        "return_ci_high": interval.high,
        "solved_rate": None if threshold is None else float((returns >= threshold).mean()),
        "length_mean": float(lengths.mean()),
        "copy_rate": _copy_rate(recordings),
        "episodes": returns.shape[1],
    }
    return described | ({"training_seeds": len(recordings)} if len(recordings) > 1 else {})


def _score(
    key: str, bootstrap: Bootstrap, policy: np.ndarray, expert: np.ndarray, random: np.ndarray
) -> dict[str, float]:
    interval = bootstrap.interval(normalised_score, policy, expert, random)
    if not np.isfinite([interval.low, interval.high]).all():
        raise DataError(
            f"data/evaluation: expected enough episodes for an interval of the score, got {policy.shape[1]}"
            " among which some resamples know no difference between expert and random"
        )
    return {
        key: float(normalised_score(policy.mean(0), expert.mean(0), random.mean(0))),
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

    samples = (policy, baseline, expert, random)
    interval = bootstrap.interval(gain, *samples)
    return {
        "gain": float(gain(*(sample.mean(0) for sample in samples))),
        "gain_ci_low": interval.low,
        "gain_ci_high": interval.high,
    }


def _options(recordings: Sequence[Recording], num_options: int) -> dict[str, Any]:
    """How the policy used its options; an agent's steps follow one another."""
    options, steps = (
        np.concatenate([one.steps[name].reshape(-1, one.spec.num_agents).T.reshape(-1) for one in recordings])
        for name in ("option", "step")
    )
    used = describe_usage(options, steps == 0, num_options)
    return {"option_usage": used["usage"], "option_dwell": used["median_dwell"]}


def _agreement(recordings: Sequence[Recording]) -> float:
    """Share of the steps at which the policy did what the expert would have done in the same state."""
    agree = [one.spec.agree(one.steps["action"], one.steps["demonstrated_action"]) for one in recordings]
    return float(np.concatenate(agree).mean())


def _copy_rate(recordings: Sequence[Recording]) -> float | None:
    """Share of the steps, an episode's first left out, at which the policy did what it had done the step before."""
    repeats = []
    for recording in recordings:
        actions, agents = recording.steps["action"], recording.spec.num_agents  # an agent's rows lie that far apart
        follows = recording.steps["step"][agents:] > 0
        repeats.append(recording.spec.agree(actions[agents:], actions[:-agents])[follows])
    together = np.concatenate(repeats)
    return float(together.mean()) if len(together) else None
