"""The Q-learning transformer: what it learns towards, what it sees, and that it plays what it has learned.

Targets are worked out by hand from given values of heads; the loss is then another sum over the same numbers.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.builders import in_random_states, refused
from tests.models.rows import batch_of, roll_out, steps_of, with_columns
from understudy.errors import DataError
from understudy.models.family import LossTerm
from understudy.models.q_transformer import QTransformer
from understudy.sequences.batch import Batch, concatenate
from understudy.sequences.dataset import SequenceDataset
from understudy.spec import EnvironmentSpec

MEAN, STD = -20.0, 4.0
STEPS, ROWS = 9, 3


def build(discrete: bool = True, **options) -> QTransformer:
    torch.manual_seed(0)
    given = {"return_scale": (MEAN, STD), "num_bins": 5, "num_heads_of_values": 3, **options}
    model = QTransformer(3, 2, 16, 2, 2, 32, 12, discrete, **given)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.add_(torch.randn_like(weights), alpha=0.3)
    return model.eval()


def draw(discrete: bool) -> tuple[Tensor, Tensor]:
    """States (B, T, S) and actions (B, T, ...); vectors are among the values that a model of five bins knows."""
    torch.manual_seed(1)
    actions = torch.randint(2, (ROWS, STEPS)) if discrete else torch.randint(5, (ROWS, STEPS, 2)) / 2 - 1
    return torch.randn(ROWS, STEPS, 3), actions


def batch(discrete: bool = True, lengths: tuple[int, ...] = (9, 6, 4), ends: str = "tcg") -> Batch:
    """Rows of these lengths; their ends are t terminal, c cut off, or g: the episode goes on."""
    states, actions = draw(discrete)
    last = torch.arange(STEPS) == torch.tensor(lengths)[:, None] - 1
    torch.manual_seed(2)
    return batch_of(
        torch.tensor(lengths),
        observation=states,
        action=actions,
        reward=torch.randn(ROWS, STEPS) * 5,
        return_to_go=torch.randn(ROWS, STEPS),
        terminated=last & torch.tensor([end == "t" for end in ends])[:, None],
        truncated=last & torch.tensor([end == "c" for end in ends])[:, None],
        final_observation=torch.randn(ROWS, 3),
    )


def values_of(network: torch.nn.Module, model: QTransformer, rows: Batch, row: int, time: int) -> Tensor:
    """Values (N, K, V) of the state at this step of a row, at its length the final observation, by a pass over it alone."""
    length = int(rows.seq_lens[row])
    states = torch.cat([rows["observation"][row, :length], rows["final_observation"][row : row + 1]])[None, : time + 1]
    tokens = model.entries.encode(rows["action"])[row : row + 1, :length]
    tokens = torch.cat([tokens, torch.zeros_like(tokens[:, :1])], dim=1)[:, : time + 1]
    return network(states, tokens)[0, time]


def best(model: QTransformer, rows: Batch, row: int, time: int, entry: int = 0) -> list[float]:
    """What the best there is worth to each head: its own choice, at the least of what it and the next target head say."""
    online, target = (values_of(each, model, rows, row, time)[entry] for each in (model.network, model.target))
    found = []
    for head in range(3):
        choice = int(online[head].argmax())
        found.append(min(float(target[head, choice]), float(target[(head + 1) % 3, choice])))
    return found


def target_by_hand(model: QTransformer, rows: Batch, row: int, time: int, end: str, discount: float) -> list[float]:
    """Three steps of reward, in units of the returns' spread, or up to the end."""
    length, rewards = int(rows.seq_lens[row]), rows["reward"][row] / STD
    last_state = {"t": length, "c": length, "g": length - 1}[end]
    steps = min(3, last_state - time)
    paid = sum(discount**ahead * float(rewards[time + ahead]) for ahead in range(steps))
    if end == "t" and time + steps == length:
        return [paid] * 3
    return [paid + discount**steps * value for value in best(model, rows, row, time + steps)]


@torch.no_grad()
def test_values_are_drawn_to_the_rewards_of_three_steps_and_what_is_best_then() -> None:
    model, rows = build(discount=0.9), batch()
    loss = model.losses(rows, torch.Generator())
    squares, greatest = [], []
    for row, end in enumerate("tcg"):
        errors = []
        for time in range(int(rows.seq_lens[row]) - (end == "g")):
            taken = values_of(model.network, model, rows, row, time)[0, :, int(rows["action"][row, time])]
            target = torch.tensor(target_by_hand(model, rows, row, time, end, 0.9))
            squares.append((taken - target).square().mean())
            errors.append(float((taken - target).abs().mean()))
        greatest.append(0.9 * max(errors) + 0.1 * sum(errors) / len(errors))
    torch.testing.assert_close(loss.terms["value"].mean, torch.stack(squares).mean(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(loss.row_errors, torch.tensor(greatest), atol=1e-5, rtol=1e-4)
    assert loss.terms.keys() == {"value"}
    assert loss.terms["value"].mask.sum(1).tolist() == [
        9,
        6,
        3,
    ]  # the last step of the third row led to what is not seen


@torch.no_grad()
def test_an_entry_that_another_one_follows_is_worth_the_best_that_may_follow_it() -> None:
    model, rows = build(False, discount=0.9), batch(False)
    loss, squares = model.losses(rows, torch.Generator()), []
    tokens = model.entries.encode(rows["action"])
    for row, end in enumerate("tcg"):
        for time in range(int(rows.seq_lens[row]) - (end == "g")):
            values = values_of(model.network, model, rows, row, time)  # (2, 3, 5)
            taken = [values[entry, :, int(tokens[row, time, entry])] for entry in range(2)]
            targets = [best(model, rows, row, time, entry=1), target_by_hand(model, rows, row, time, end, 0.9)]
            squares.append((torch.stack(taken) - torch.tensor(targets)).square().mean())
    torch.testing.assert_close(loss.terms["value"].mean, torch.stack(squares).mean(), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_final_observation_counts_where_the_episode_was_cut_off_alone() -> None:
    model, rows = build(), batch()
    other = with_columns(rows, final_observation=rows["final_observation"] + 1)
    one, two = (model.losses(each, torch.Generator()).row_errors for each in (rows, other))
    assert (one == two).tolist() == [True, False, True]


@torch.no_grad()
def test_the_burn_in_costs_nothing_and_is_seen() -> None:
    """Chunks of an episode of 12 steps: the second one begins with three that the first has counted."""
    model = build(burn_in=3)
    assert (model.burn_in, build(burn_in=1, state_differences=2).burn_in) == (3, 2)
    spec = EnvironmentSpec("Toy-v0", {}, ("x", "y", "z"), 2, None, None, None)
    dataset = SequenceDataset(in_random_states(spec, np.arange(12) % 2, [12]), 9, 2, model.reads, model.burn_in)
    [rows] = dataset.in_order()
    assert rows.mask.int().sum(1).tolist() == [6, 6]
    assert rows.mask[1].tolist() == [False] * 3 + [True] * 6
    losses = model.losses(rows, torch.Generator())
    assert losses.terms["value"].mask.sum(1).tolist() == [5, 6]
    for step, action_counts in ((0, False), (2, False), (3, True)):
        other = rows["observation"].clone()
        other[1, step] += 1.0
        changed = model.losses(with_columns(rows, observation=other), torch.Generator())
        assert changed.row_errors[0] == losses.row_errors[0]
        assert changed.row_errors[1] != losses.row_errors[1]
        reward = rows["reward"].clone()
        reward[1, step] += 1.0
        paid = model.losses(with_columns(rows, reward=reward), torch.Generator())
        assert bool(paid.row_errors[1] != losses.row_errors[1]) == action_counts


@torch.no_grad()
def test_every_step_of_an_episode_counts_towards_a_target_of_all_its_steps_of_reward() -> None:
    """In chunks, too: what a target looks ahead to is seen after the last step that counts."""
    model, spec = build(num_steps=3, context=1), EnvironmentSpec("Toy-v0", {}, ("x", "y", "z"), 2, None, None, None)
    episode = in_random_states(spec, np.arange(20) % 2, [20])

    def value_loss(chunk_length: int) -> LossTerm:
        shape = (chunk_length, 9, model.reads, model.burn_in, model.look_ahead)
        return model.losses(concatenate(list(SequenceDataset(episode, *shape).in_order())), torch.Generator()).terms[
            "value"
        ]

    whole, cut = value_loss(30), value_loss(9)
    assert whole.mask.sum() == cut.mask.sum() == 20
    torch.testing.assert_close(cut.mean, whole.mean)


@torch.no_grad()
def test_weights_of_rows_weigh_what_the_narrow_token_loses() -> None:
    model = build(bottleneck_dim=2, autoencoder_weight=0.5)
    rows = replace(batch(lengths=(9, 9, 9), ends="tcg"), row_weights=torch.tensor([2.0, 0.0, 0.0]))
    alone = model.losses(batch(lengths=(9, 9, 9), ends="tcg").rows(slice(0, 1)), torch.Generator())
    lost = model.losses(rows, torch.Generator()).terms["reconstruction"].mean
    torch.testing.assert_close(lost, alone.terms["reconstruction"].mean * 2 / 3)


@torch.no_grad()
def test_the_penalty_is_how_much_more_is_said_of_what_was_not_done() -> None:
    rows = batch()
    losses = build(penalty="cql", penalty_weight=0.25, penalty_temperature=0.5).losses(rows, torch.Generator())
    values = build()(rows["observation"], rows["action"], rows.seq_lens)[:, :, 0]  # (B, T, K, V)
    chosen = rows["action"][..., None].expand(-1, -1, 3)
    nll = 0.5 * torch.nn.functional.cross_entropy(values.flatten(0, 2) / 0.5, chosen.flatten(), reduction="none")
    mask = losses.terms["penalty"].mask
    torch.testing.assert_close(losses.terms["penalty"].mean, nll.view(ROWS, STEPS, 3)[mask].mean())
    assert losses.terms["penalty"].weight == 0.25
    assert torch.equal(mask, losses.terms["value"].mask)


@torch.no_grad()
@pytest.mark.parametrize(("discount", "rows_held"), [(1.0, [True, False, True]), (0.9, [True, False, False])])
def test_what_was_done_is_worth_no_less_than_what_came_of_it(discount: float, rows_held: list[bool]) -> None:
    """Where that is known: not of a row that is cut off, and with a discount of those alone that the environment ends."""
    high = with_columns(batch(), return_to_go=torch.full((ROWS, STEPS), 1000.0))
    high.value_mask[1] = False  # as of an episode that a limit cut off
    plain, held = (build(discount=discount, penalty=each) for each in ("none", "floor"))
    assert held.reads == plain.reads | {"return_to_go"}
    one, two = (model.losses(high, torch.Generator()).row_errors for model in (plain, held))
    assert (two > 500).tolist() == rows_held
    assert torch.equal(one[two < 500], two[two < 500])


def test_a_floor_of_returns_that_nobody_knows_is_refused() -> None:
    paid, cut_off = torch.ones(3), torch.ones(3, dtype=torch.bool)
    build(penalty="floor").fit({"reward": paid, "truncated": torch.tensor([True, False, True])})
    build(penalty="cql").fit({"reward": paid, "truncated": cut_off})
    with refused(
        DataError, "q_transformer: penalty: expected none or cql, since the return of no episode is known, got floor"
    ):
        build(penalty="floor").fit({"reward": paid, "truncated": cut_off})


@torch.no_grad()
def test_a_floor_is_the_return_in_units_of_values() -> None:
    """One step, cut off by nothing: its return is its reward, which is also its target, so that the floor changes nothing."""
    rows = batch(lengths=(1, 1, 1), ends="ttt")
    rows = with_columns(rows, return_to_go=(rows["reward"] - MEAN) / STD)
    one, two = (build(penalty=each).losses(rows, torch.Generator()).row_errors for each in ("none", "floor"))
    torch.testing.assert_close(one, two)


def test_no_gradient_reaches_a_target_network_and_no_optimizer_knows_it() -> None:
    model = build()
    assert not any(name.startswith("target") for name, _ in model.named_parameters())
    model.losses(batch(), torch.Generator()).objective().backward()
    assert all(weights.grad is not None for weights in model.network.parameters())


def test_a_target_network_is_saved_once() -> None:
    model = build()
    copied = {f"target.{name}" for name, _ in model.network.named_parameters()}
    assert {name for name in model.state_dict() if name.startswith("target")} == copied
    assert len(model.state_dict()) == 2 * len(copied) + 1  # and how many updates there have been


@torch.no_grad()
@pytest.mark.parametrize("length", [1, 300])
def test_episodes_of_one_step_and_of_more_than_a_byte_can_count(length: int) -> None:
    """Each step is its own state; 1 is paid at the last alone, and is what a far step is worth by that many steps of reward."""
    torch.manual_seed(0)
    model = QTransformer(1, 2, 16, 1, 2, 32, 300, True, (0.0, 1.0), context=3, num_steps=length, discount=0.999).eval()
    time = torch.arange(length)
    states, actions, rewards = time[None, :, None] / 300.0, time[None] % 2, (time[None] == length - 1).float()
    ends = {"terminated": rewards.bool(), "truncated": torch.zeros(1, length, dtype=torch.bool)}
    columns = {"observation": states, "action": actions, "reward": rewards, "final_observation": torch.zeros(1, 1)}
    losses = model.losses(batch_of(torch.tensor([length]), **columns, **ends), torch.Generator())
    values = model(states, actions, torch.tensor([length]))[:, :, 0]  # (1, T, K, V)
    taken = values.gather(-1, actions[..., None, None].expand(*values.shape[:-1], 1))[..., 0]
    expected = (taken - 0.999 ** (length - 1 - time)[None, :, None]).square().mean()
    torch.testing.assert_close(losses.terms["value"].mean, expected)
    played = roll_out(model, model.begin(1), states, actions).predictions
    torch.testing.assert_close(played, values.mean(2), atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(("rate", "every", "moves"), [(0.5, 1, [0.5, 0.75, 0.875]), (1.0, 2, [0.0, 1.0, 1.0])])
def test_target_networks_follow_every_so_many_updates(rate: float, every: int, moves: list[float]) -> None:
    model = build(target_rate=rate, target_every=every)
    start, end = model.target.heads[0].weight.clone(), model.network.heads[0].weight
    for share in moves:
        model.after_update()
        torch.testing.assert_close(model.target.heads[0].weight, start + share * (end - start))
    resumed = build(target_rate=rate, target_every=every)
    resumed.load_state_dict({name: tensor.clone() for name, tensor in model.state_dict().items()})
    for each in (model, resumed):
        each.after_update()
    assert torch.equal(model.target.heads[0].weight, resumed.target.heads[0].weight)


def test_no_value_depends_on_what_is_not_due() -> None:
    """By the gradient of each step's values: not on later states nor on this action's own embedding or later ones."""
    model, (states, actions) = build(), draw(True)
    states.requires_grad_()
    tokens = torch.randn(ROWS, STEPS, 16, requires_grad=True)
    model.network.embed_entry = lambda *_: tokens  # type: ignore[method-assign]
    values = model(states, actions, torch.full((ROWS,), STEPS))
    for time in range(STEPS):
        of_states, of_actions = torch.autograd.grad(
            values[:, time].square().sum(), (states, tokens), retain_graph=True, allow_unused=True
        )
        assert not of_states[:, time + 1 :].any() and of_states[:, time].any()
        assert not of_actions[:, time:].any()
        assert time == 0 or of_actions[:, time - 1].any()


@torch.no_grad()
def test_an_entry_is_told_of_those_before_it_alone() -> None:
    model, (states, actions) = build(False), draw(False)
    lengths = torch.full((ROWS,), STEPS)
    values = model(states, actions, lengths)
    for entry, same in ((0, [True, False]), (1, [True, True])):
        other = actions.clone()
        other[:, -1, entry] = -other[:, -1, entry] + 0.5
        changed = model(states, other, lengths)
        assert [torch.equal(values[:, -1, each], changed[:, -1, each]) for each in range(2)] == same


REACHES = [{"context": 1}, {"context": 4}, {"context": 12}, {"attention": "performer"}, {"attention": "elu"}]
KINDS = list(itertools.product((True, False), (0, 2), REACHES))


@pytest.mark.parametrize(("discrete", "differences", "reach"), KINDS)
@torch.inference_mode()
def test_played_step_by_step_it_does_what_the_full_pass_likes_best(discrete, differences, reach) -> None:
    """The reference chooses entry after entry, each by a full pass in which those before it stand."""
    model, (states, actions) = build(discrete, state_differences=differences, **reach), draw(discrete)
    played = roll_out(model, model.begin(ROWS), states, actions)
    lengths = torch.full((ROWS,), STEPS)
    if discrete:
        expected = model(states, actions, lengths)[:, :, 0].mean(2)
        torch.testing.assert_close(played.predictions, expected, atol=1e-5, rtol=1e-5)
        assert torch.equal(played.actions, expected.argmax(-1))
        return
    assert played.predictions is None
    for time in range(STEPS):
        own = actions.clone()
        for entry in range(2):
            values = model(states, own, lengths)[:, time, entry].mean(1)
            own[:, time, entry] = values.argmax(-1) / 2 - 1
        assert torch.equal(played.actions[:, time], own[:, time])


@torch.inference_mode()
def test_an_upper_confidence_bound_is_the_mean_and_so_many_deviations() -> None:
    model, (states, actions) = build(), draw(True)
    values = model(states, actions, torch.full((ROWS,), STEPS))[:, :, 0]  # (B, T, K, V)
    deviation = ((values - values.mean(2, keepdim=True)) ** 2).mean(2).sqrt()
    for ucb in (0.0, 3.0):
        played = roll_out(model, model.begin(ROWS, ucb=ucb), states, actions)
        torch.testing.assert_close(played.predictions, values.mean(2) + ucb * deviation, atol=1e-5, rtol=1e-5)
        assert torch.equal(played.actions, played.predictions.argmax(-1))


@torch.inference_mode()
def test_by_chance_a_row_follows_one_of_the_heads() -> None:
    model, (states, actions) = build(), draw(True)
    of_heads = model(states, actions, torch.full((ROWS,), STEPS))[:, :, 0].argmax(-1)  # (B, T, K)
    played = roll_out(model, model.begin(ROWS), states, actions, torch.Generator().manual_seed(0)).actions
    assert (played[..., None] == of_heads).any(-1).all()
    assert any((played != of_heads[..., head]).any() for head in range(3))


@torch.inference_mode()
def test_with_one_head_playing_is_its_argmax_and_has_no_bound() -> None:
    model, (states, actions) = build(num_heads_of_values=1, clipped_heads=1), draw(True)
    played = [model.act(model.begin(ROWS), step).actions for step in itertools.islice(steps_of(states, actions), 1)]
    assert played[0].shape == (ROWS,)
    with pytest.raises(ValueError, match="ucb: expected 0, since a single head of values has no deviation"):
        model.begin(ROWS, ucb=1.0)
    with pytest.raises(ValueError, match="ucb: expected at least 0, got"):
        model.begin(ROWS, ucb=-1.0)


def test_rows_that_do_not_belong_together_are_refused() -> None:
    states, actions = draw(True)
    with pytest.raises(ValueError, match="seq_lens: expected shape"):
        build()(states, actions, torch.full((ROWS + 1,), STEPS))
    with pytest.raises(ValueError, match="actions: expected from 0 to 1, got 0 to 2"):
        build()(states, actions * 2, torch.full((ROWS,), STEPS))
    with pytest.raises(ValueError, match="state_dim: expected at least 1, got 0"):
        QTransformer(0, 2, 16, 2, 2, 32, 12, True, return_scale=(MEAN, STD))


def test_it_learns_which_way_pays() -> None:
    """A corridor: what is done is left to chance, one choice leads to a reward two steps later, the other to nothing."""
    torch.manual_seed(4)
    model = QTransformer(2, 2, 16, 1, 2, 32, 12, True, return_scale=(0.0, 1.0), discount=0.9, target_rate=0.1).train()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(150):
        actions = torch.randint(2, (32, 3), generator=generator)
        right = actions[:, 0] == 1
        states = torch.zeros(32, 3, 2)
        states[:, 1:, 0] = torch.where(right, 1.0, -1.0)[:, None]
        states[:, :, 1] = torch.arange(3.0)
        rewards = torch.zeros(32, 3)
        rewards[:, 2] = right.float()
        ends = torch.zeros(32, 3, dtype=torch.bool)
        terminated = ends.clone()
        terminated[:, 2] = True
        columns = {"observation": states, "action": actions, "reward": rewards, "terminated": terminated}
        rows = batch_of(torch.full((32,), 3), truncated=ends, final_observation=torch.zeros(32, 2), **columns)
        optimizer.zero_grad()
        model.losses(rows, generator).objective().backward()
        optimizer.step()
        model.after_update()
    with torch.no_grad():
        first = model(torch.tensor([[[0.0, 0.0]]]), torch.zeros(1, 1, dtype=torch.int64), torch.tensor([1]))[0, 0, 0]
    torch.testing.assert_close(first.mean(0), torch.tensor([0.0, 0.81]), atol=0.1, rtol=0)


# The narrow place between state and token


@torch.no_grad()
def test_the_reconstruction_is_a_term_of_its_own_over_the_steps_that_count() -> None:
    model, rows = build(bottleneck_dim=2, autoencoder_weight=0.5), batch()
    losses = model.losses(rows, torch.Generator())
    term = losses.terms["reconstruction"]
    states = rows["observation"][rows.mask]
    told = model.network.embed_state.reconstruct(model.network.embed_state.encode(states))
    torch.testing.assert_close(term.mean, (told - states).square().mean())
    assert (term.weight, losses.terms.keys()) == (0.5, {"value", "reconstruction"})
    assert torch.equal(term.mask, rows.mask)
    assert build(bottleneck_dim=2).losses(rows, torch.Generator()).terms.keys() == {"value"}


@pytest.mark.parametrize("discrete", [True, False])
@torch.inference_mode()
def test_with_a_narrow_place_it_plays_what_the_full_pass_likes_best(discrete) -> None:
    model, (states, actions) = build(discrete, bottleneck_dim=2, state_differences=1), draw(discrete)
    played = roll_out(model, model.begin(ROWS), states, actions).actions
    values = model(states, actions, torch.full((ROWS,), STEPS))[:, :, 0].mean(2).argmax(-1)
    assert torch.equal(played if discrete else played[..., 0], values if discrete else values / 2 - 1)


def test_a_narrow_place_that_makes_no_sense_is_refused() -> None:
    with refused(ValueError, "bottleneck_dim: expected at least 1, got 0"):
        build(bottleneck_dim=0)
    with refused(ValueError, "bottleneck_dim: expected a number, since autoencoder_weight is 0.5, got None"):
        build(autoencoder_weight=0.5)
    with refused(ValueError, "autoencoder_weight: expected at least 0, got -1.0"):
        build(autoencoder_weight=-1.0)
