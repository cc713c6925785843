"""Beam search over a model of trajectories (Janner et al., 2021, algorithm 1), all rows and beams in one batch.

BeamSearch      -- what is searched for
Beams           -- what has been found: W beams of each row, the best first
search(model, ..) -> Beams

B rows, W beams of each, E actions of each beam, D width, V vocabulary. A step is M tokens, S of its state, A of its action, one
of its reward.

The past is computed once and shared. An imagined step begins with the E likeliest actions of each beam, laid beside each other
behind it; of all B x W x E the best W of a row go on, and only then are keys and values put in order, once a step. Rewards,
states and the end of an episode are the likeliest ones. A beam whose episode has ended keeps its score and waits.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from understudy.nn.beam_cache import BeamCache
from understudy.nn.cache import KVCache
from understudy.nn.running_sums import BeamSums, SumsCache
from understudy.planning.model import TrajectoryModel


@dataclass(frozen=True)
class BeamSearch:
    """What is searched for.

    Attributes:
        objective: "likelihood", the mean log-probability of the tokens so far, which imitates; or "return", the raw reward so far
            and the return-to-go after it, which plans.
        horizon: how many steps are imagined.
        beam_width: W, how many beams of a row go on after each of them.
        actions: E, how many actions of a beam are tried, its likeliest ones; of choices at most all.
        least_probability: actions that are less likely are not tried, but for the likeliest.
        likelihood_weight: for how much return, beside it, the mean log-probability of a token counts: a plan that the data hardly
            know is one whose return is hardly known.

    Raises:
        ValueError: a number makes no sense, or more beams are asked for than there can be.
    """

    objective: Literal["likelihood", "return"]
    horizon: int
    beam_width: int
    actions: int
    least_probability: float = 0.0
    likelihood_weight: float = 0.0

    def __post_init__(self) -> None:
        for name in ("horizon", "beam_width", "actions"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if not 0 <= self.least_probability < 1:
            raise ValueError(f"least_probability: expected from 0 to 1, exclusive, got {self.least_probability}")
        if not 0 <= self.likelihood_weight < math.inf:
            raise ValueError(f"likelihood_weight: expected a finite number from 0, got {self.likelihood_weight}")
        if self.beam_width > self.actions**self.horizon:
            raise ValueError(
                f"beam_width: expected at most actions ** horizon = {self.actions**self.horizon}, since there are no more,"
                f" got {self.beam_width}"
            )


@dataclass
class Beams:
    """Beams of B rows, W each, the best first.

    Attributes:
        features: (B, W, D), of each beam's last token.
        states: (B, W, S), the last whole state of each.
        score: (B, W), by which they are ranked; -inf where fewer than W could be found.
        reward: (B, W) raw, expected of the steps so far.
        log_prob: (B, W), of the tokens so far.
        num_tokens: (B, W) int64, how many these are.
        ended: (B, W) bool, whether the environment has ended the episode.
        tokens: (B, W, n) int64, imagined so far; those after an end mean nothing.
    """

    features: Tensor
    states: Tensor
    score: Tensor
    reward: Tensor
    log_prob: Tensor
    num_tokens: Tensor
    ended: Tensor
    tokens: Tensor

    def of(self, beams: Tensor) -> "Beams":
        """These beams (B, C) int64 of each row."""
        rows = torch.arange(len(beams), device=beams.device)[:, None]
        return Beams(**{name: values[rows, beams] for name, values in vars(self).items()})

    def add_tokens(self, tokens: Tensor, log_prob: Tensor) -> None:
        """Go on with tokens (B, W, n), n of each beam, of these log-probabilities (B, W); ended beams do not count them."""
        self.tokens = torch.cat([self.tokens, tokens], dim=-1)
        self.log_prob = self.log_prob + log_prob.masked_fill(self.ended, 0.0)
        self.num_tokens = self.num_tokens + tokens.shape[-1] * (~self.ended).long()


def search(
    model: TrajectoryModel, features: Tensor, states: Tensor, past: KVCache | SumsCache, settings: BeamSearch
) -> Beams:
    """The best beams of each row, whose first tokens are the action to take.

    Args:
        model: whose steps are imagined.
        features: (B, D), of the present state's last token.
        states: (B, S), the present states.
        past: the cache that the present state's tokens have joined; it is left as it is.
        settings: what is searched for.
    """
    tokens_per_step = model.tokens.per_step
    room = (settings.horizon - 1) * tokens_per_step + (model.tokens.num_actions + 1) * settings.actions
    cache = model.trunk.new_beams(past, room)
    zeros = features.new_zeros(len(features), 1)
    counts = torch.zeros_like(zeros, dtype=torch.int64)
    beams = Beams(
        features[:, None], states[:, None], zeros, zeros, zeros, counts, counts > 0, counts[..., None][..., :0]
    )
    for ahead in range(settings.horizon):
        if ahead:
            beams = _imagine_state(model, cache, beams, ahead)
        beams = _best_actions(model, cache, beams, ahead, settings)
    return beams


def _best_actions(
    model: TrajectoryModel, cache: BeamCache | BeamSums, beams: Beams, ahead: int, settings: BeamSearch
) -> Beams:
    """The best beams (B, W) among those that each of the present ones (B, W') becomes by its likeliest actions."""
    rows, count = beams.score.shape
    before = cache.length
    actions, log_prob = _likeliest_actions(model, cache, beams, ahead, settings.actions)  # (B W', E, A)
    width = actions.shape[1]
    last = model.tokens.num_states + model.tokens.num_actions - 1
    states = beams.states.flatten(0, 1)  # (B W', S)
    features = _pass_siblings(model, cache, actions[..., -1], states, last, ahead, before)
    reward_logits = model.next_logits(features, last)  # (B W', E, V)
    reward_tokens = reward_logits.argmax(-1)
    reward_log_prob = reward_logits.log_softmax(-1).amax(-1)
    features = _pass_siblings(model, cache, reward_tokens, states, last + 1, ahead, before)
    stop_logits = model.stop_logits(features)

    def candidates(values: Tensor) -> Tensor:  # (B W', E, ...) -> (B, W' E, ...)
        return values.unflatten(0, (rows, count)).flatten(1, 2)

    parents = torch.arange(count, device=features.device).repeat_interleave(width).expand(rows, -1)  # (B, W' E)
    grown = beams.of(parents)
    ended_before, previous_score = grown.ended, grown.score
    step_tokens = torch.cat([actions, reward_tokens[..., None]], dim=-1)
    stops = candidates(stop_logits > 0)
    of_stop = torch.nn.functional.logsigmoid(candidates(stop_logits.abs()))
    grown.add_tokens(candidates(step_tokens), candidates(log_prob + reward_log_prob) + of_stop)
    reward_before = grown.reward
    grown.reward = reward_before + candidates(model.tokens.expected_rewards(reward_logits)).masked_fill(
        ended_before, 0.0
    )
    likelihood = grown.log_prob / grown.num_tokens
    if settings.objective == "return":
        total = reward_before + candidates(model.expected_return(features))
        score = torch.where(stops, grown.reward, total) + settings.likelihood_weight * likelihood
    else:
        score = likelihood
    unlikely = candidates(log_prob) < math.log(settings.least_probability or 1e-300)
    first = torch.arange(width, device=features.device).repeat(count) == 0  # each beam's likeliest action
    score = score.masked_fill(unlikely & ~first, -torch.inf)
    score = torch.where(ended_before, previous_score.masked_fill(~first, -torch.inf), score)
    grown.score, grown.ended = score, ended_before | stops | score.isneginf()
    grown.features = candidates(features)
    best = score.sort(dim=1, descending=True, stable=True)[1][:, : settings.beam_width]  # (B, W)
    _go_on_with(cache, best, count, width, before, model.tokens.num_actions + 1)
    return grown.of(best)


def _likeliest_actions(
    model: TrajectoryModel, cache: BeamCache | BeamSums, beams: Beams, ahead: int, most: int
) -> tuple[Tensor, Tensor]:
    """The likeliest actions (B W, E, A) of each beam and their log-probabilities (B W, E); all but their last token are passed.

    Of choices they are the likeliest; of vectors, whose entries are tokens one after the other, a beam search within the step
    finds them.
    """
    features, states, before = beams.features.flatten(0, 1)[:, None], beams.states.flatten(0, 1), cache.length
    log_prob = features.new_zeros(features.shape[:2])  # (B W, 1)
    actions = torch.zeros(len(features), 1, 0, dtype=torch.int64, device=features.device)
    for entry in range(model.tokens.num_actions):
        position = model.tokens.num_states + entry - 1
        if entry:
            features = _pass_siblings(model, cache, actions[..., -1], states, position, ahead, before)
        logits = model.next_logits(features, position)  # (B W, e, V)
        joint = log_prob[..., None] + logits.log_softmax(-1)
        found = int(joint[0].isfinite().sum())  # as many in each beam
        log_prob, places = joint.flatten(1).sort(dim=1, descending=True, stable=True)
        log_prob, places = log_prob[:, : min(most, found)], places[:, : min(most, found)]
        parents, tokens = places // logits.shape[-1], places % logits.shape[-1]
        if entry:
            every = torch.arange(len(parents), device=parents.device)
            cache.rearrange(every, _slots(parents, before, logits.shape[1], entry))
        chosen = torch.take_along_dim(actions, parents[..., None], dim=1)  # (B W, E, entry)
        actions = torch.cat([chosen, tokens[..., None]], dim=-1)
    return actions, log_prob


def _pass_siblings(
    model: TrajectoryModel,
    cache: BeamCache | BeamSums,
    tokens: Tensor,
    states: Tensor,
    position: int,
    ahead: int,
    before: int,
) -> Tensor:
    """Features (B W, E, D) of E tokens (B W, E) side by side, each of which goes on with its own tokens of this step.

    Args:
        before: how many of a beam's slots were taken before this step's action; all see those.
    """
    width, length = tokens.shape[1], cache.length
    sees = torch.zeros(width, length + width, dtype=torch.bool, device=tokens.device)
    sees[:, :before] = True
    own = torch.eye(width, dtype=torch.bool, device=tokens.device)
    sees[:, before:] = own.repeat(1, (length - before) // width + 1)
    return model.trunk.decode_beams(model.embed(tokens, position, states[:, None]), ahead, sees, cache)


def _go_on_with(cache: BeamCache | BeamSums, best: Tensor, count: int, width: int, before: int, tokens: int) -> None:
    """Put the cache in the order of the best candidates (B, W), each one of `width` siblings of one of `count` beams."""
    rows = torch.arange(len(best), device=best.device)[:, None] * count
    beams, siblings = (rows + best // width).flatten(), (best % width).reshape(-1, 1)
    cache.rearrange(beams, _slots(siblings, before, width, tokens))


def _slots(siblings: Tensor, before: int, width: int, tokens: int) -> Tensor:
    """The slots (C, before + tokens * n) of siblings (C, n): those that all share, then theirs, token by token."""
    shared = torch.arange(before, device=siblings.device).expand(len(siblings), -1)
    own = [before + token * width + siblings for token in range(tokens)]
    return torch.cat([shared, *own], dim=1)


def _imagine_state(model: TrajectoryModel, cache: BeamCache | BeamSums, beams: Beams, ahead: int) -> Beams:
    """The beams with the likeliest state of the next step, token by token."""
    features, position = beams.features.flatten(0, 1), model.tokens.num_states + model.tokens.num_actions  # (B W, D)
    states, tokens, log_prob = beams.states.flatten(0, 1), [], []
    for following in range(model.tokens.num_states):
        logits = model.next_logits(features, position)
        tokens.append(logits.argmax(-1))
        log_prob.append(logits.log_softmax(-1).amax(-1))
        sees = torch.ones(1, cache.length + 1, dtype=torch.bool, device=logits.device)
        if following == model.tokens.num_states - 1:
            states = model.tokens.decode_states(torch.stack(tokens, dim=-1))
        embedded = model.embed(tokens[-1], following, states)[:, None]
        features, position = model.trunk.decode_beams(embedded, ahead, sees, cache)[:, 0], following
    shape = beams.score.shape
    beams.add_tokens(torch.stack(tokens, -1).view(*shape, -1), torch.stack(log_prob).sum(0).view(shape))
    beams.features, beams.states = features.view(*shape, -1), states.view(*shape, -1)
    return beams
