"""The same search as planning/beam.py, slowly: one row, one beam, one candidate at a time, each a full pass over all tokens.

Episode                              -- a row's past
reference_search(episode, settings) -> its beams

It has no cache, no batch and nothing to put in order, and so shows what the fast search should find, and how much faster it is. M
tokens a step, S of them its state, A its action, then its reward; D width.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from understudy.planning.beam import BeamSearch
from understudy.planning.model import TrajectoryModel


@dataclass(frozen=True)
class ReferenceBeam:
    """One beam.

    Attributes:
        tokens: (n,) int64, imagined so far.
        score: by which it is ranked.
        reward: raw, expected of the steps so far.
        log_prob: of the tokens so far.
        ended: whether the environment has ended the episode.
    """

    tokens: Tensor
    score: float = 0.0
    reward: float = 0.0
    log_prob: float = 0.0
    ended: bool = False


@dataclass(frozen=True)
class Episode:
    """A row's episode up to its present state.

    Attributes:
        model: whose tokens they are.
        tokens: (n,) int64, of T states and what lies between them.
        states: (T, S), these states.
    """

    model: TrajectoryModel
    tokens: Tensor
    states: Tensor

    def features(self, imagined: Tensor) -> Tensor:
        """Features (D,) of the last token, after further ones (m,), by a full pass over all of them."""
        model, tokens = self.model, torch.cat([self.tokens, imagined])
        width, per_step = model.tokens.num_states, model.tokens.per_step
        embedded = []
        for place, token in enumerate(tokens):
            step, position = divmod(place, per_step)
            whole = step if position >= width - 1 else step - 1  # the last step whose state is complete
            if whole < 0:
                state = torch.zeros_like(self.states[0])
            elif whole < len(self.states):
                state = self.states[whole]
            else:
                state = model.tokens.decode_states(tokens[whole * per_step : whole * per_step + width])
            embedded.append(model.embed(token, position, state))
        steps = torch.arange(len(tokens), device=tokens.device) // per_step
        return model.trunk(torch.stack(embedded)[None], steps, per_step)[0, -1]

    def next_logits(self, imagined: Tensor) -> Tensor:
        """Logits (V,) of the token after further ones (m,)."""
        per_step = self.model.tokens.per_step
        position = (len(self.tokens) + len(imagined) - 1) % per_step
        return self.model.next_logits(self.features(imagined), position)


def reference_search(episode: Episode, settings: BeamSearch) -> list[ReferenceBeam]:
    """The best beams of a row, the best first."""
    beams = [ReferenceBeam(episode.tokens[:0])]
    for ahead in range(settings.horizon):
        if ahead:
            beams = [beam if beam.ended else _with_state(episode, beam) for beam in beams]
        candidates: list[ReferenceBeam] = []
        for beam in beams:
            candidates += [beam] if beam.ended else _with_actions(episode, beam, settings)
        beams = sorted(candidates, key=lambda beam: -beam.score)[: settings.beam_width]
    return beams


def _with_actions(episode: Episode, beam: ReferenceBeam, settings: BeamSearch) -> list[ReferenceBeam]:
    """What a beam becomes by each of its likeliest actions and the reward that follows it."""
    model, found = episode.model, []
    for number, (action, of_action) in enumerate(_likeliest_actions(episode, beam, settings)):
        if number and of_action < math.log(settings.least_probability or 1e-300):
            continue
        imagined = torch.cat([beam.tokens, action])
        reward_logits = episode.next_logits(imagined)
        imagined = torch.cat([imagined, reward_logits.argmax()[None]])
        features = episode.features(imagined)
        stop = model.stop_logits(features)
        of_stop = functional.logsigmoid(stop.abs()).item()
        log_prob = beam.log_prob + of_action + reward_logits.log_softmax(0).max().item() + of_stop
        reward = beam.reward + model.tokens.expected_rewards(reward_logits).item()
        ended = bool(stop > 0)
        score = likelihood = log_prob / len(imagined)
        if settings.objective == "return":
            score = reward if ended else beam.reward + model.expected_return(features).item()
            score += settings.likelihood_weight * likelihood
        found.append(ReferenceBeam(imagined, score, reward, log_prob, ended))
    return found


def _likeliest_actions(episode: Episode, beam: ReferenceBeam, settings: BeamSearch) -> list[tuple[Tensor, float]]:
    """The likeliest actions, (A,) tokens each, and their log-probabilities, the likeliest first."""
    actions = [(beam.tokens[:0], 0.0)]
    for _ in range(episode.model.tokens.num_actions):
        longer = []
        for action, log_prob in actions:
            of_tokens = episode.next_logits(torch.cat([beam.tokens, action])).log_softmax(0)
            for token in of_tokens.isfinite().nonzero():
                longer.append((torch.cat([action, token]), log_prob + of_tokens[token].item()))
        actions = sorted(longer, key=lambda found: -found[1])[: settings.actions]
    return actions


def _with_state(episode: Episode, beam: ReferenceBeam) -> ReferenceBeam:
    """The beam with the likeliest state of the next step."""
    for _ in range(episode.model.tokens.num_states):
        logits = episode.next_logits(beam.tokens)
        log_prob = beam.log_prob + logits.log_softmax(0).max().item()
        beam = replace(beam, tokens=torch.cat([beam.tokens, logits.argmax()[None]]), log_prob=log_prob)
    return beam
