"""The page about a run of games in text.

sections(run) -- Section by Section: the table, learning curves, games with what each letter was worth
Run           -- all that they are made of
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from understudy.generation.prompt import read_text
from understudy.generation.values import TokenWorth, token_worth
from understudy.models.language_q import LanguageQ
from understudy.policies.files import TrainedPolicy
from understudy.report import charts
from understudy.report.charts import Curve
from understudy.report.page import Section, card, cards, escape, note, table
from understudy.report.svg import inline
from understudy.tasks.task import NOTHING, TextTask
from understudy.tasks.text import decode
from understudy.word_evaluation.games_file import JudgedGames
from understudy.word_evaluation.table import rows

SIZE = (2.9, 2.5)  # inches
SHOWN = 3  # games of a policy: one of the best, the middle, one of the worst
STRONGEST = 0.7  # opacity of the colour behind the token that gained or cost most


@dataclass(frozen=True)
class Run:
    """What the stages have left, of the first training seed where there are several.

    Attributes:
        task: that was played.
        summary: of compare_words.
        policies: by name.
        curves: their learning curves.
        games: of each policy, in the first way that it was chosen to play.
    """

    task: TextTask
    summary: Mapping[str, Mapping[str, Any]]
    policies: Mapping[str, TrainedPolicy]
    curves: Mapping[str, Curve]
    games: Mapping[str, JudgedGames]


def sections(run: Run) -> Iterator[Section]:
    """All of them."""
    header, *lines = rows(run.summary)
    yield Section("Returns", table(header, lines))
    drawn = {
        name: inline(partial(charts.losses, curve=curve), SIZE, f"losses of {name}")
        for name, curve in run.curves.items()
    }
    yield Section("Learning curves", cards(card(name, drawing) for name, drawing in drawn.items()))
    yield Section("Games", "".join(_games(run, name) for name in run.policies))


def _games(run: Run, name: str) -> str:
    """Games of a policy, whose tokens have a colour where it says what they are worth."""
    policy, games = run.policies[name], run.games[name]
    order = np.argsort(-games.returns, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, SHOWN).astype(np.int64)]
    with_values = isinstance(policy.model, LanguageQ)
    shown = []
    for game in chosen.tolist():
        text = read_text(run.task, games.texts[game])
        worth = token_worth(policy, run.task, text) if with_values else None
        shown.append(
            f"<p>{_text(run.task, text.opening, text.actions, text.replies, worth)}</p>{note(_described(games, game))}"
        )
    said = (
        "Green letters are worth more than their text, orange ones less; each says by how much." if with_values else ""
    )
    return f"<h3>{escape(name)}</h3>{note(said) if said else ''}{''.join(shown)}"


def _described(games: JudgedGames, game: int) -> str:
    return f"seed {games.seeds[game]}, return {games.returns[game]:g}"


def _text(
    task: TextTask, opening: np.ndarray, actions: np.ndarray, replies: np.ndarray, worth: TokenWorth | None
) -> str:
    """The tokens as HTML, the player's with what they are worth."""
    gains = np.zeros(len(actions)) if worth is None else worth.values - worth.text_values
    greatest = max(float(np.abs(gains).max(initial=0.0)), 1e-9)
    parts = [escape(decode(task.tokens, opening))]
    for place, (token, reply) in enumerate(zip(actions, replies, strict=True)):
        letter = escape(decode(task.tokens, token[None]))
        if worth is not None:
            said = f"Q {worth.values[place]:.2f}, V {worth.text_values[place]:.2f}, likelihood {worth.likelihoods[place]:.2f}"
            colour = "47, 158, 79" if gains[place] > 0 else "224, 123, 40"
            strength = STRONGEST * abs(float(gains[place])) / greatest
            letter = f'<span style="background: rgba({colour}, {strength:.2f})" title="{escape(said)}">{letter}</span>'
        answered = (
            f'<span class="quiet">{escape(decode(task.tokens, reply))}</span> ' if (reply != NOTHING).any() else ""
        )
        parts.append(letter + answered)
    return "".join(parts)
