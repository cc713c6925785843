"""What every sequence model holds, whatever its tokens.

The slow reference for playing is `forward` over each whole episode. Which steps may matter for a prediction follows from
the window alone: a layer looks `context - 1` steps back, so L layers look back L * (context - 1), and differences of states
as many steps more as they have orders. Actions go back one step more in the multi-agent family, whose state tokens carry the
last action; it has one agent here.
"""

import itertools
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn

from tests.models.rows import batch_of, steps_of, with_columns
from understudy.models.action_transformer import ActionTransformer
from understudy.models.hierarchical import HierarchicalTransformer
from understudy.models.multi_agent import MultiAgentTransformer
from understudy.sequences.batch import Batch
from understudy.step import Step
from understudy.utils.masking import create_padding_mask

STATE_DIM, ACTION_DIM, NUM_OPTIONS = 3, 2, 3
NUM_LAYERS, MAX_SEQ_LEN = 2, 30


@dataclass(frozen=True)
class Case:
    family: type[nn.Module]
    discrete: bool
    differences: int
    context: int
    attention: str = "softmax"

    @property
    def hierarchical(self) -> bool:
        return self.family is HierarchicalTransformer

    @property
    def multi_agent(self) -> bool:
        return self.family is MultiAgentTransformer

    @property
    def look_back(self) -> int:
        return NUM_LAYERS * (self.context - 1)

    def __str__(self) -> str:
        kind = "discrete" if self.discrete else "continuous"
        reach = self.context if self.attention == "softmax" else self.attention
        return f"{self.family.__name__}-{kind}-{self.differences}-{reach}"


FAMILIES = (ActionTransformer, HierarchicalTransformer, MultiAgentTransformer)
WINDOWED = [Case(*values) for values in itertools.product(FAMILIES, (True, False), (0, 1, 3), (1, 3, 20))]
# Under linear attention, which sees all of a row, as with a context that is longer than any here.
LINEAR = [Case(*values) for values in itertools.product(FAMILIES, (True, False), (3,), (30,), ("performer", "elu"))]
CASES = [*WINDOWED, *LINEAR]
each_case = pytest.mark.parametrize("case", CASES, ids=str)
each_kind = pytest.mark.parametrize(
    "case", [case for case in CASES if case.differences == 3 and case.context in (3, 30)], ids=str
)


def build(case: Case) -> nn.Module:
    torch.manual_seed(0)
    count = () if case.family is ActionTransformer else (NUM_OPTIONS if case.hierarchical else 1,)
    sizes = (STATE_DIM, ACTION_DIM, 16, NUM_LAYERS, 2, 32, MAX_SEQ_LEN, case.discrete, *count)
    context = case.context if case.attention == "softmax" else None
    options = {"attention": case.attention, "context": context, "state_differences": case.differences}
    return case.family(*sizes, **options).eval()


def draw_actions(case: Case, *shape: int) -> Tensor:
    return torch.randint(ACTION_DIM, shape) if case.discrete else torch.randn(*shape, ACTION_DIM)


def draw_rows(case: Case, rows: int, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    states, actions = torch.randn(rows, steps, STATE_DIM), draw_actions(case, rows, steps)
    return states, actions, torch.randint(NUM_OPTIONS, (rows, steps))


def outputs_of(case: Case, model: nn.Module, *rows: Tensor) -> tuple[Tensor, ...]:
    states, actions, _, seq_lens = rows
    if case.hierarchical:
        return model(*rows)
    if case.multi_agent:
        agent = torch.zeros(len(states), 1, dtype=torch.int64)
        return model(states[:, None], agent, actions[:, None], seq_lens[:, None], agent == 0)
    return model(states, actions, seq_lens)


def run_forward(case: Case, model: nn.Module, *rows: Tensor) -> Tensor:
    """All of a model's outputs side by side, (B, T, anything)."""
    outputs = outputs_of(case, model, *rows)
    return torch.cat([output.reshape(*rows[0].shape[:2], -1) for output in outputs], dim=-1)


def full_pass(case: Case, model: nn.Module, *rows: Tensor) -> Tensor:
    return run_forward(case, model, *rows, torch.full((len(rows[0]),), rows[0].shape[1]))


# Playing step by step


@dataclass
class ForcedEpisode:
    """States (T, S) and actions (T, ...) to play, and what was predicted and followed at each step."""

    states: Tensor
    actions: Tensor
    preds: list[Tensor] = field(default_factory=list)
    options: list[int] = field(default_factory=list)


def draw_queues(case: Case, lengths: list[list[int]]) -> list[list[ForcedEpisode]]:
    torch.manual_seed(2)
    return [[ForcedEpisode(torch.randn(n, STATE_DIM), draw_actions(case, n)) for n in row] for row in lengths]


def play_side_by_side(model: nn.Module, queues: list[list[ForcedEpisode]]) -> None:
    """Play each row's episodes one after the other; rows without further ones leave, and the others change places."""
    memory = model.begin(len(queues))
    while queues:
        now = [(queue[0], len(queue[0].preds)) for queue in queues]
        decision = model.act(memory, told(now))
        for row, (episode, _) in enumerate(now):
            episode.preds.append(decision.predictions[row])
            episode.options.append(0 if decision.options is None else int(decision.options[row]))
        over = [row for row, (episode, _) in enumerate(now) if len(episode.preds) == len(episode.states)]
        for row in over:
            queues[row].pop(0)
        memory.reset(torch.tensor([row for row in over if queues[row]], dtype=torch.int64))
        if not all(queues):
            staying = [row for row in reversed(range(len(queues))) if queues[row]]
            memory.keep(torch.tensor(staying, dtype=torch.int64))
            queues = [queues[row] for row in staying]


def told(now: list[tuple[ForcedEpisode, int]]) -> Step[Tensor]:
    """The step that rows are told of, each at its own time of its own episode; what came before the first is nonsense."""
    previous = [episode.actions[t - 1] if t else torch.ones_like(episode.actions[0]) for episode, t in now]
    times = torch.tensor([t for _, t in now])
    states = torch.stack([episode.states[t] for episode, t in now])
    return Step(states, torch.stack(previous), torch.zeros(len(now)), times == 0)


def whole_episode_preds(case: Case, model: nn.Module, episode: ForcedEpisode) -> Tensor:
    """Action predictions (T, A) of one full pass, under the options that were followed."""
    rows = (episode.states[None], episode.actions[None], torch.tensor([episode.options]))
    outputs = outputs_of(case, model, *rows, torch.tensor([len(episode.states)]))
    return outputs[1 if case.hierarchical else 0].view(len(episode.states), ACTION_DIM)


@each_case
@torch.no_grad()
def test_playing_step_by_step_predicts_what_the_full_pass_predicts(case: Case) -> None:
    model, queues = build(case), draw_queues(case, [[7, 4], [2, 25, 1], [5, 3], [26]])
    episodes = [episode for queue in queues for episode in queue]
    play_side_by_side(model, queues)
    for episode in episodes:
        expected = whole_episode_preds(case, model, episode)
        torch.testing.assert_close(torch.stack(episode.preds), expected, atol=1e-5, rtol=0)


@each_kind
def test_a_row_begins_again_after_a_pass_in_inference_mode(case: Case) -> None:
    model, (states, actions, _) = build(case), draw_rows(case, 2, 3)
    memory, first = model.begin(2), next(steps_of(states, actions))
    with torch.inference_mode():
        once = model.act(memory, first)
    memory.reset(torch.tensor([0, 1]))
    with torch.inference_mode():
        again = model.act(memory, first)
    torch.testing.assert_close(again.predictions, once.predictions, atol=1e-6, rtol=0)


@each_kind
@torch.no_grad()
def test_acting_and_beginning_again_leave_what_the_model_was_told_alone(case: Case) -> None:
    model, (states, actions, _) = build(case), draw_rows(case, 2, 2)
    copies = states.clone(), actions.clone()
    memory = model.begin(2)
    for step in steps_of(states, actions):
        model.act(memory, step)
    memory.reset(torch.tensor([0, 1]))
    assert torch.equal(states, copies[0])
    assert torch.equal(actions, copies[1])


@each_kind
@torch.no_grad()
def test_what_was_decided_is_not_written_to_later(case: Case) -> None:
    model, (states, actions, _) = build(case), draw_rows(case, 2, 4)
    memory, steps = model.begin(2), list(steps_of(states, actions))
    first = model.act(memory, steps[0])
    parts = [part for part in vars(first).values() if part is not None]
    copies = [part.clone() for part in parts]
    for step in steps[1:]:
        model.act(memory, step)
    memory.reset(torch.tensor([0]))
    memory.keep(torch.tensor([1]))
    assert all(torch.equal(part, copy) for part, copy in zip(parts, copies, strict=True))


# What a prediction may depend on


def steps_back(least: int, most: int, length: int) -> list[list[bool]]:
    """[t][u], true where step u lies from `least` to `most` steps before step t."""
    return [[least <= t - u <= most for u in range(length)] for t in range(length)]


def gradient_pattern(outputs: Tensor, inputs: Tensor) -> list[list[bool]]:
    """[t][u], true where outputs (1, T, ...) at t have a gradient in the inputs at u that is not exactly zero."""
    weights = torch.randn(outputs.shape[-1], generator=torch.Generator().manual_seed(3))
    gradients = [torch.autograd.grad(at_t @ weights, inputs, retain_graph=True)[0][0] for at_t in outputs[0]]
    return [(gradient != 0).any(dim=-1).tolist() for gradient in gradients]


@each_case
def test_predictions_depend_on_states_of_the_window_and_on_no_later_one(case: Case) -> None:
    model, (states, actions, options) = build(case), draw_rows(case, 1, 12)
    states.requires_grad_()
    pattern = gradient_pattern(full_pass(case, model, states, actions, options), states)
    assert pattern == steps_back(0, case.look_back + case.differences, 12)


@pytest.mark.parametrize("case", [case for case in CASES if not case.discrete], ids=str)
def test_predictions_depend_on_earlier_action_vectors_of_the_window_alone(case: Case) -> None:
    model, (states, actions, options) = build(case), draw_rows(case, 1, 12)
    actions.requires_grad_()
    outputs = full_pass(case, model, states, actions, options)
    assert gradient_pattern(outputs, actions) == steps_back(1, case.look_back + case.multi_agent, 12)


@pytest.mark.parametrize("case", [case for case in CASES if case.discrete], ids=str)
@torch.no_grad()
def test_predictions_depend_on_earlier_choices_of_the_window_alone(case: Case) -> None:
    model, (states, actions, options) = build(case), draw_rows(case, 1, 12)
    outputs = full_pass(case, model, states, actions, options)
    differs = torch.zeros(12, 12, dtype=torch.bool)
    for u in range(12):
        changed = actions.clone()
        changed[:, u] = 1 - changed[:, u]
        differs[:, u] = (full_pass(case, model, states, changed, options) != outputs)[0].any(dim=-1)
    assert differs.tolist() == steps_back(1, case.look_back + case.multi_agent, 12)


@pytest.mark.parametrize("case", [case for case in CASES if case.discrete], ids=str)
@torch.no_grad()
def test_choices_from_a_step_on_change_nothing_up_to_that_step(case: Case) -> None:
    model, (states, actions, options) = build(case), draw_rows(case, 2, 12)
    outputs = full_pass(case, model, states, actions, options)
    for t in range(12):
        changed = torch.cat([actions[:, :t], 1 - actions[:, t:]], dim=1)
        assert torch.equal(full_pass(case, model, states, changed, options)[:, : t + 1], outputs[:, : t + 1])


# Padding


def draw_batch(case: Case) -> Batch:
    states, actions, options = draw_rows(case, 3, 9)
    seq_lens = torch.tensor([9, 5, 1])
    mask = create_padding_mask(seq_lens, 9)
    mask[0, 0] = False
    return batch_of(
        seq_lens,
        mask=mask,
        value_mask=mask & torch.tensor([[True], [False], [True]]),
        observation=states,
        action=actions,
        label=draw_actions(case, 3, 9),
        return_to_go=torch.randn(3, 9),
        option=options,
        termination=torch.rand(3, 9) < 0.3,
    )


def with_other_padding(case: Case, batch: Batch) -> Batch:
    """The same real steps, followed by altogether different ones."""
    real = create_padding_mask(batch.seq_lens, batch.mask.shape[1])
    torch.manual_seed(4)
    filling = {
        "observation": 100 * torch.randn(batch["observation"].shape),
        "action": draw_actions(case, 3, 9),
        "label": draw_actions(case, 3, 9),
        "return_to_go": 100 * torch.randn(3, 9),
        "option": (batch["option"] + 1) % NUM_OPTIONS,
        "termination": ~batch["termination"],
    }

    def refill(values: Tensor, others: Tensor) -> Tensor:
        return torch.where(real if values.ndim == 2 else real[..., None], values, others)

    return with_columns(batch, **{name: refill(batch[name], others) for name, others in filling.items()})


@each_case
@torch.no_grad()
def test_padding_leaves_the_predictions_at_real_steps_alone(case: Case) -> None:
    model, batch = build(case), draw_batch(case)
    other, real = with_other_padding(case, batch), create_padding_mask(batch.seq_lens, 9)
    inputs = [(rows["observation"], rows["action"], rows["option"], rows.seq_lens) for rows in (batch, other)]
    before, after = (run_forward(case, model, *rows) for rows in inputs)
    assert torch.equal(before[~real], after[~real]) == case.multi_agent  # which does not read what means nothing
    assert torch.equal(before[real], after[real])


def losses_and_gradients(case: Case, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    losses = model.losses(batch, torch.Generator())
    model.zero_grad()
    losses.objective().backward()
    learning = {name: weights.grad for name, weights in model.named_parameters() if weights.grad is not None}
    means = {name: term.mean for name, term in losses.terms.items()}
    return means | {name: gradient.clone() for name, gradient in learning.items()}


@each_case
def test_padding_leaves_the_losses_and_their_gradients_alone(case: Case) -> None:
    model, batch = build(case), draw_batch(case)
    before, after = (losses_and_gradients(case, model, rows) for rows in (batch, with_other_padding(case, batch)))
    assert before.keys() == after.keys()
    for name in before:
        assert torch.equal(before[name], after[name]), name
