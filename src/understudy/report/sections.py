"""The sections of the report.

Outcome               -- all that they are made of
title, introduction   -- what stands above them
sections(outcome)     -- in their order
differences_section   -- what differs from another run, for those who ask for it
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from understudy.errors import DataError, ParameterError
from understudy.policies.files import TrainedPolicy
from understudy.report import charts
from understudy.report.charts import Curve, calibration_error
from understudy.report.episodes import best_median_worst, small_film, thoughts
from understudy.report.page import Section, card, cards, details, escape, note, table
from understudy.report.svg import inline
from understudy.report.table import HEADER, describe_differences, describe_options, row
from understudy.rollouts.parquet import Recording

SMALL, LARGE = (2.9, 2.5), (4.8, 3.0)  # inches


@dataclass(frozen=True)
class Outcome:
    """What a run of the pipeline has left.

    Attributes:
        params: all of params.yaml.
        summary: metrics/summary.json, in the order of the policies; without the differences between pairs.
        between: those differences.
        recordings: evaluations by policy, references first; of several training seeds the first one's.
        policies: the students, of the same seed.
        curves: their learning curves.
        expert_curve: the expert's; empty where there is none.
        versions: of the libraries that the stages ran.
    """

    params: Mapping[str, Any]
    summary: Mapping[str, Mapping[str, Any]]
    between: Mapping[str, Mapping[str, float]]
    recordings: Mapping[str, Recording]
    policies: Mapping[str, TrainedPolicy]
    curves: Mapping[str, Curve]
    expert_curve: Curve
    versions: Mapping[str, str]

    @property
    def students(self) -> dict[str, Recording]:
        """The recordings of those who learned."""
        return {name: self.recordings[name] for name in self.policies}

    @property
    def baseline(self) -> str | None:
        """The policy that the others have to beat."""
        return self.params.get("comparison", {}).get("baseline")


def title(outcome: Outcome) -> str:
    """What the page is called."""
    return f"understudy: {next(iter(outcome.recordings.values())).spec.environment_id}"


def introduction(outcome: Outcome) -> str:
    """What was done, in a sentence or two."""
    spec = next(iter(outcome.recordings.values())).spec
    seeds, episodes = outcome.params["training"]["seeds"], outcome.params["evaluation"]["episodes"]
    agents = f" {spec.num_agents} agents." if spec.num_agents > 1 else ""
    return (
        f"{len(outcome.policies)} students, each trained from {len(seeds)} seed{'s' * (len(seeds) > 1)}, judged on"
        f" {episodes} episodes of {spec.environment_id}.{agents} Curves, pictures and actions are of training seed {seeds[0]}."
    )


def sections(outcome: Outcome) -> Iterator[Section]:
    """All of them; one that has nothing to show says why."""
    yield Section("Scores", _scores(outcome))
    yield Section("Episodes", _episodes(outcome))
    yield Section("Learning curves", _learning_curves(outcome))
    yield Section("Actions", _actions(outcome))
    if with_options := {name: each for name, each in outcome.students.items() if charts.has_options(each)}:
        yield Section("Options", _options(with_options))
    yield Section("Calibration", _calibration(outcome))
    yield Section("Parameters and versions", _parameters(outcome))


def _scores(outcome: Outcome) -> str:
    summary = outcome.summary
    header = [f"beyond {outcome.baseline}" if each == "beyond" and outcome.baseline else each for each in HEADER]
    said = [*describe_options(summary), *describe_differences(outcome.between)]
    height = 0.27 * len(summary) + 0.9
    totals = {name: recording.episodes["return"] for name, recording in outcome.recordings.items()}
    charted = [
        card("Score, with its interval", _chart(charts.scores, "scores", (4.8, height), summary=summary)),
        card(
            "Returns of all episodes",
            _chart(charts.returns, "returns", (4.8, height), totals_by_name=totals),
            "The bar is the middle half, the line across it the median.",
        ),
    ]
    explained = note(
        "Score: 0 for a random actor, 1 for the demonstrator. Brackets: bootstrap intervals over training seeds and episodes,"
        " paired by the episodes' seeds. Accuracy: the demonstrator's actions that a student predicts on held-out episodes."
        " Agreement: how often it does what the demonstrator would have done in the states that it reaches itself."
    )
    rows = [row(name, entry) for name, entry in summary.items()]
    return table(header, rows) + "".join(map(note, said)) + explained + cards(charted, large=True)


def _episodes(outcome: Outcome) -> str:
    shown: list[str] = []
    for name, recording in outcome.recordings.items():
        films = []
        for which, episode in best_median_worst(recording).items():
            try:
                film = small_film(episode, recording.spec, name)
            except (DataError, ParameterError) as error:
                return "".join(shown and [cards(shown)]) + note(f"Not drawn: {error}.")
            said = f"{which}: {episode.total_return:.1f} in {episode.length} steps, seed {episode.seed}"
            picture = f'<img alt="{escape(f"{name}, {said}")}" src="data:image/webp;base64,{film}">'
            films.append(f"<figure>{picture}<figcaption>{escape(said)}</figcaption></figure>")
        shown.append(card(name, f'<div class="films">{"".join(films)}</div>'))
    return cards(shown, large=True) + note("Replayed from the recordings, and held against the recorded rewards.")


def _learning_curves(outcome: Outcome) -> str:
    charted = [
        card(name, _chart(charts.losses, f"learning curve of {name}", SMALL, curve=curve))
        for name, curve in outcome.curves.items()
    ]
    if outcome.expert_curve:
        expert = _chart(charts.expert_curve, "learning curve of the expert", SMALL, curve=outcome.expert_curve)
        charted.insert(0, card("expert", expert))
    return cards(charted) + note(
        "Dotted: on what is trained on; solid: on held-out episodes. Without the value's loss."
    )


def _actions(outcome: Outcome) -> str:
    charted = [
        card(name, _chart(charts.actions, f"actions of {name}", SMALL, recording=recording))
        for name, recording in outcome.students.items()
    ]
    return cards(charted)


def _options(recordings: Mapping[str, Recording]) -> str:
    charted = []
    for name, recording in recordings.items():
        drawn = (("where it is followed", charts.option_paths), ("step by step", charts.option_strips))
        for what, chart in drawn:
            heading = f"{name}: {what}"
            charted.append(card(heading, _chart(chart, f"options of {heading}", LARGE, recording=recording)))
    return cards(charted, large=True)


def _calibration(outcome: Outcome) -> str:
    charted = []
    for name, trained in outcome.policies.items():
        if trained.task.environment.num_agents > 1:
            continue
        thought = thoughts(trained, outcome.recordings[name])
        if thought.confidence is not None and "expert" in outcome.recordings:
            error = calibration_error(thought.confidence, thought.right)
            data = {"confidence": thought.confidence, "right": thought.right}
            drawn = _chart(charts.calibration, f"calibration of {name}", SMALL, **data)
            charted.append(card(f"{name}: actions", drawn, f"Expected calibration error {error:.3f}."))
        if thought.values is not None:
            values = {"expected": thought.values, "found": thought.came}
            charted.append(card(f"{name}: value", _chart(charts.value_bins, f"values of {name}", SMALL, **values)))
    if not charted:
        return note("No policy tells probabilities or values that could be held against what happened.")
    return cards(charted) + note(
        "On the first 20 evaluation episodes. On the line a policy is right as often as it expects; a dot's size is its share"
        " of the steps."
    )


def _parameters(outcome: Outcome) -> str:
    params = table(("parameter", "value"), list(flat(outcome.params)), "facts")
    versions = table(("library", "version"), sorted(outcome.versions.items()), "facts")
    return details("every parameter", params) + details("every library", versions)


def flat(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, value) of a tree of sections."""
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", json.dumps(value)


def _chart(chart: Any, label: str, size: tuple[float, float], **data: Any) -> str:
    return inline(partial(chart, **data), size, label)


def differences_section(
    reference: str, before: Mapping[str, Any], after: Mapping[str, Any], changed: Sequence[tuple[str, str, str]]
) -> Section:
    """What differs from another run.

    Args:
        reference: what that one is called.
        before, after: summaries.
        changed: parameters with their former and present values.
    """
    rows = []
    for name in dict.fromkeys([*after, *before]):
        then, now = (each.get(name, {}).get("score") for each in (before, after))
        if name != "differences" and then != now:
            moved = "" if then is None or now is None else f"{now - then:+.3f}"
            rows.append((name, *("none" if each is None else f"{each:.3f}" for each in (then, now)), moved))
    content = (
        table(("policy", f"score in {reference}", "now", "change"), rows) if rows else note("All scores are the same.")
    )
    content += (
        table(("parameter", reference, "now"), changed, "facts") if changed else note("All parameters are the same.")
    )
    return Section(f"What differs from {reference}", content)
