"""The player's next turn, as a policy would write it after a prompt.

Turn                      -- what was written, and how likely the policy holds it
draw_turns(writer, ...)   -- drawn by the policy's scores
best_turns(writer, ...)   -- the likeliest ones that a beam search finds
Writer                    -- a policy, and the text that it goes on from

N texts side by side, A tokens to choose from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from understudy.errors import ParameterError
from understudy.generation.choice import choose
from understudy.generation.prompt import Prompt, may_follow
from understudy.policies.act import Acting
from understudy.policies.files import TrainedPolicy
from understudy.step import Step
from understudy.tasks.recording import GameReader
from understudy.tasks.task import NOTHING, TextTask
from understudy.utils.draws import uniform

TURN_STREAM = 5


@dataclass(frozen=True)
class Turn:
    """A turn that was written.

    Attributes:
        tokens: int64, of the whole turn, with what the prompt holds of it.
        log_likelihood: in nats, of the tokens after the prompt, by the policy's scores among what may be written.
    """

    tokens: np.ndarray
    log_likelihood: float


class Writer:
    """A policy that has read a prompt, and goes on with N texts.

    Args:
        policy: that writes.
        task: whose text it is.
        prompt: so far.
        play: settings of the family's `begin`.
        free: whether any token of the player's may be written, words or not.

    Raises:
        ParameterError: the policy does not say what it chooses among.
    """

    def __init__(
        self, policy: TrainedPolicy, task: TextTask, prompt: Prompt, play: Mapping[str, Any], free: bool = False
    ) -> None:
        self.task, self.prompt, self.free = task, prompt, free
        self.acting = Acting(policy, 1, dict(play))
        self.acting.reset(np.zeros(1, np.int64))
        self.reader = GameReader(task, prompt.opening[None])
        scores = self._read(np.zeros(1, np.int64), first=True)
        for token, reply in zip(prompt.actions, prompt.replies, strict=True):
            self.reader.read(token[None], reply[None])
            scores = self._read(token[None])
        self.log_probs = self._among_legal(scores, [prompt.turn])

    @property
    def missing(self) -> int:
        """How many tokens the turn may still have."""
        return self.task.turn_length - len(self.prompt.turn)

    def split(self, parents: np.ndarray) -> None:
        """Go on with the texts `parents` (N,) int64, of which there may be several of one."""
        self.acting.keep(parents)
        self.reader = self.reader.picked(parents)
        self.log_probs = self.log_probs[parents]

    def write(self, tokens: np.ndarray, turns: list[list[int]]) -> None:
        """Write a token (N,) in each text, whose turns are then these."""
        self.reader.read(tokens, np.full((len(tokens), self.task.reply_length), NOTHING))
        self.log_probs = self._among_legal(self._read(tokens), turns)

    def _read(self, previous: np.ndarray, first: bool = False) -> np.ndarray:
        count = len(previous)
        step = Step(self.reader.observation(), previous, np.zeros(count, np.float32), np.full(count, first))
        scores = self.acting.act(step).predictions
        if scores is None:
            raise ParameterError(
                f"policy: expected a family that scores what it chooses among, got {self.acting.policy.family}"
            )
        return scores.astype(np.float64)

    def _among_legal(self, scores: np.ndarray, turns: list[list[int]]) -> np.ndarray:
        """Log probabilities (N, A), -inf of what may not be written."""
        if not self.free:
            legal = np.stack([may_follow(self.task, turn) for turn in turns])
            legal[~legal.any(axis=1)] = True  # behind a turn's end, where nothing will be written
            scores = np.where(legal, scores, -np.inf)
        highest = scores.max(axis=1, keepdims=True)
        return scores - highest - np.log(np.exp(scores - highest).sum(axis=1, keepdims=True))


def draw_turns(writer: Writer, count: int, temperature: float, seed: int) -> list[Turn]:
    """So many turns, each drawn by itself; at temperature 0 all are the one that follows the highest scores."""
    writer.split(np.zeros(count, np.int64))
    turns = [list(writer.prompt.turn) for _ in range(count)]
    sums, texts = np.zeros(count), np.arange(count)
    for written in range(writer.missing):
        log_probs = writer.log_probs
        draws = uniform(seed + texts, TURN_STREAM, written)
        tokens = choose(log_probs, np.isfinite(log_probs), temperature, draws)
        sums += log_probs[texts, tokens]
        turns = [[*turn, token] for turn, token in zip(turns, tokens.tolist(), strict=True)]
        if written < writer.missing - 1:
            writer.write(tokens, turns)
    return [Turn(np.asarray(turn), float(total)) for turn, total in zip(turns, sums, strict=True)]


def best_turns(writer: Writer, count: int, width: int) -> list[Turn]:
    """The likeliest turns, best first, of a beam search that goes on with `width` of them after each token; maybe fewer."""
    turns, sums = [list(writer.prompt.turn)], np.zeros(1)
    for written in range(writer.missing):
        totals = (sums[:, None] + writer.log_probs).reshape(-1)
        best = np.argsort(-totals, kind="stable")[:width]
        best = best[np.isfinite(totals[best])]
        parents, tokens = np.divmod(best, writer.task.num_actions)
        sums = totals[best]
        turns = [[*turns[parent], token] for parent, token in zip(parents.tolist(), tokens.tolist(), strict=True)]
        writer.split(parents)
        if written < writer.missing - 1:
            writer.write(tokens, turns)
    return [Turn(np.asarray(turn), float(total)) for turn, total in zip(turns, sums, strict=True)][:count]
