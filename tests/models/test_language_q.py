"""Implicit language Q-learning: what it learns towards, what it sees, and that it plays by what it has learned.

Targets are worked out step by step from passes over each row alone; the losses are then other sums over the same numbers.
"""

import pytest
import torch
from torch import Tensor

from tests.builders import refused
from tests.models.rows import batch_of, roll_out, with_columns
from understudy.errors import DataError
from understudy.models.language_q import LanguageQ
from understudy.sequences.batch import Batch

MEAN, STD = -20.0, 4.0
STEPS, ROWS = 9, 3
LENGTHS, ENDS = (9, 6, 4), "tcg"  # terminal, cut off, or the game goes on


def build(**options) -> LanguageQ:
    torch.manual_seed(0)
    model = LanguageQ(3, 4, 16, 2, 2, 32, 12, True, return_scale=(MEAN, STD), **options)
    with torch.no_grad():
        for weights in (*model.parameters(), *model.target.buffers()):
            if weights.ndim > 1:
                weights.add_(torch.randn_like(weights), alpha=0.3)
    return model.eval()


def batch() -> Batch:
    torch.manual_seed(1)
    last = torch.arange(STEPS) == torch.tensor(LENGTHS)[:, None] - 1
    return batch_of(
        torch.tensor(LENGTHS),
        observation=torch.randn(ROWS, STEPS, 3),
        action=torch.randint(4, (ROWS, STEPS)),
        label=torch.randint(4, (ROWS, STEPS)),
        reward=torch.randn(ROWS, STEPS) * 5,
        return_to_go=torch.randn(ROWS, STEPS),
        terminated=last & torch.tensor([end == "t" for end in ENDS])[:, None],
        truncated=last & torch.tensor([end == "c" for end in ENDS])[:, None],
        final_observation=torch.randn(ROWS, 3),
    )


def at(model: LanguageQ, rows: Batch, row: int, time: int) -> tuple[Tensor, Tensor, Tensor]:
    """Values of tokens (K, A), those of the target network, and the value of the text, by a pass over what came before."""
    length = LENGTHS[row]
    states = torch.cat([rows["observation"][row, :length], rows["final_observation"][row : row + 1]])[None, : time + 1]
    _, values, texts = model(states, torch.tensor([time + 1]))
    return values[0, time], model.target(states)[0, time], texts[0, time]


def target_by_hand(model: LanguageQ, rows: Batch, row: int, time: int, steps: int, discount: float) -> float:
    """So many steps of reward, in units of the returns' spread, and what the text is worth then."""
    length, end = LENGTHS[row], ENDS[row]
    steps = min(steps, (length if end in "tc" else length - 1) - time)
    paid = sum(discount**ahead * float(rows["reward"][row, time + ahead]) / STD for ahead in range(steps))
    if end == "t" and time + steps == length:
        return paid
    return paid + discount**steps * float(at(model, rows, row, time + steps)[2])


@torch.no_grad()
@pytest.mark.parametrize(("steps", "heads"), [(1, 2), (3, 1)])
def test_tokens_are_drawn_to_what_came_of_them_and_texts_to_an_expectile(steps: int, heads: int) -> None:
    model = build(num_steps=steps, num_heads_of_values=heads, discount=0.9, expectile=0.8, value_weight=0.5)
    rows = batch()
    losses, squares, of_texts = model.losses(rows, torch.Generator()), [], []
    for row, end in enumerate(ENDS):
        for time in range(LENGTHS[row] - (end == "g")):
            values, target, text = at(model, rows, row, time)
            token = int(rows["action"][row, time])
            aim = target_by_hand(model, rows, row, time, steps, 0.9)
            squares.append((values[:, token] - aim).square().mean())
            error = min(target[:, token].tolist()) - float(text)
            of_texts.append((0.8 if error > 0 else 0.2) * error**2)
    torch.testing.assert_close(losses.terms["token_value"].mean, torch.stack(squares).mean(), atol=1e-5, rtol=1e-4)
    assert float(losses.terms["text_value"].mean) == pytest.approx(sum(of_texts) / len(of_texts), rel=1e-4)
    assert {losses.terms[name].weight for name in ("token_value", "text_value")} == {0.5}
    assert losses.terms["token_value"].mask.sum(1).tolist() == [9, 6, 3]
    assert losses.terms["action"].mask.sum(1).tolist() == [9, 6, 4]


@torch.no_grad()
@pytest.mark.parametrize(("discount", "known"), [(1.0, [9, 6, 4]), (0.9, [9, 0, 0])])
def test_the_monte_carlo_variant_is_drawn_to_what_came_of_it_in_the_end(discount: float, known: list[int]) -> None:
    """With a discount it is known of games that have ended in the row alone."""
    model, rows = build(targets="monte_carlo", discount=discount), batch()
    assert model.reads == build().reads | {"return_to_go"}
    losses, squares = model.losses(rows, torch.Generator()), []
    for row in range(ROWS):
        rewards = rows["reward"][row, : LENGTHS[row]].tolist()
        rest = float(rows["return_to_go"][row, LENGTHS[row] - 1]) * STD + MEAN
        for time in range(known[row]):
            paid = [*rewards[time:-1], rest]
            aim = sum(discount**ahead * reward for ahead, reward in enumerate(paid)) / STD
            squares.append((at(model, rows, row, time)[0][:, int(rows["action"][row, time])] - aim).square().mean())
    assert losses.terms["token_value"].mask.sum(1).tolist() == known
    torch.testing.assert_close(losses.terms["token_value"].mean, torch.stack(squares).mean(), atol=1e-4, rtol=1e-4)


def test_returns_that_nobody_knows_are_refused() -> None:
    cut_off = torch.ones(3, dtype=torch.bool)
    build(targets="monte_carlo").fit({"truncated": torch.tensor([True, False, True])})
    build(targets="bootstrap").fit({"truncated": cut_off})
    with refused(
        DataError, "language_q: targets: expected bootstrap, since the return of no game is known, got monte_carlo"
    ):
        build(targets="monte_carlo").fit({"truncated": cut_off})


@torch.no_grad()
def test_the_penalty_is_the_surprise_at_what_was_written_by_the_values_alone() -> None:
    rows = batch()
    assert "penalty" not in build().losses(rows, torch.Generator()).terms
    model = build(penalty_weight=0.25)
    term = model.losses(rows, torch.Generator()).terms["penalty"]
    surprises = []
    for row, end in enumerate(ENDS):
        for time in range(LENGTHS[row] - (end == "g")):
            values = at(model, rows, row, time)[0].double()
            surprises += (values.exp().sum(-1).log() - values[:, int(rows["action"][row, time])]).tolist()
    assert float(term.mean) == pytest.approx(sum(surprises) / len(surprises), rel=1e-4)
    assert term.weight == 0.25


def test_targets_have_no_gradient_and_follow_after_an_update() -> None:
    model, rows = build(target_rate=0.5), batch()
    assert not any(name.startswith("target") for name, _ in model.named_parameters())
    model.losses(rows, torch.Generator()).objective().backward()
    assert all(weights.grad is not None for weights in model.parameters())
    before = model.target.head[0].weight.clone()
    model.after_update()
    torch.testing.assert_close(model.target.head[0].weight, (before + model.tokens.head[0].weight.detach()) / 2)


def test_nothing_that_is_said_of_a_token_depends_on_it_or_on_later_ones() -> None:
    model, states = build(), batch()["observation"].requires_grad_()
    said = model(states, torch.full((ROWS,), STEPS))
    for time in range(STEPS):
        for part in said:
            [gradient] = torch.autograd.grad(part[:, time].square().sum(), states, retain_graph=True)
            assert not gradient[:, time + 1 :].any()
            assert gradient[:, : time + 1].any(-1).all()


@pytest.mark.parametrize("beta", [0.0, 2.0])
@torch.inference_mode()
def test_it_plays_by_how_usual_a_token_is_and_how_much_better_than_usual(beta: float) -> None:
    model, states = build(), batch()["observation"]
    logits, values, texts = model(states, torch.full((ROWS,), STEPS))
    expected = logits.log_softmax(-1) + beta * (values.min(2).values - texts[..., None])
    played = roll_out(model, model.begin(ROWS, beta=beta), states, torch.zeros(ROWS, STEPS, dtype=torch.int64))
    torch.testing.assert_close(played.predictions, expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(played.actions, expected.argmax(-1))


@pytest.mark.parametrize("ucb", [0.0, 1.5])
@torch.inference_mode()
def test_it_may_play_by_what_a_token_might_be_worth(ucb: float) -> None:
    model, states = build(num_heads_of_values=3), batch()["observation"]
    logits, values, texts = model(states, torch.full((ROWS,), STEPS))
    mean = values.sum(2) / 3
    bound = mean + ucb * ((values - mean[:, :, None]).square().sum(2) / 3).sqrt()
    expected = logits.log_softmax(-1) + 2 * (bound - texts[..., None])
    memory = model.begin(ROWS, beta=2.0, ucb=ucb)
    played = roll_out(model, memory, states, torch.zeros(ROWS, STEPS, dtype=torch.int64))
    torch.testing.assert_close(played.predictions, expected, atol=1e-5, rtol=1e-5)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"beta: expected a number from 0, got -1"):
        build().begin(ROWS, beta=-1.0)
    with pytest.raises(ValueError, match=r"ucb: expected at least 0, got -1"):
        build().begin(ROWS, ucb=-1.0)
    with pytest.raises(ValueError, match=r"ucb: expected 0, since a single head of values has no deviation, got 1"):
        build(num_heads_of_values=1).begin(ROWS, ucb=1.0)
    for name, value, expected in (
        ("num_heads_of_values", 0, "at least 1"),
        ("discount", 0.0, "above 0, at most 1"),
        ("expectile", 1.0, "between 0 and 1"),
        ("penalty_weight", -1.0, "at least 0"),
        ("penalty_temperature", 0.0, "above 0"),
    ):
        with pytest.raises(ValueError, match=f"{name}: expected {expected}, got"):
            build(**{name: value})


def test_the_final_observation_counts_where_the_game_was_cut_off_alone() -> None:
    rows, model = batch(), build()
    other = with_columns(rows, final_observation=rows["final_observation"] + 1)
    one, two = (model.losses(each, torch.Generator()).row_errors for each in (rows, other))
    assert (one == two).tolist() == [True, False, True]
