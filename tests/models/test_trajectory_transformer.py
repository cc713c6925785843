"""The Trajectory Transformer: cached playing equals the full pass, nothing is seen early, all numbers are learned."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.models.rows import batch_of, with_columns
from understudy.models.trajectory_transformer import TrajectoryTransformer
from understudy.sequences.batch import Batch
from understudy.step import Step

STEPS, ROWS = 9, 3
MEAN, STD = 10.0, 4.0


def build(discrete: bool = True, **options) -> TrajectoryTransformer:
    torch.manual_seed(0)
    given = {"return_scale": (MEAN, STD), "num_bins": 10, "context": 4, **options}
    model = TrajectoryTransformer(3, 4, 16, 2, 2, 32, 12, discrete, **given)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.add_(torch.randn_like(weights), alpha=0.3)
    return model.eval()


def draw(discrete: bool) -> tuple[Tensor, Tensor, Tensor]:
    """States (B, T, S), actions (B, T, ...) and raw rewards (B, T)."""
    torch.manual_seed(1)
    actions = torch.randint(4, (ROWS, STEPS)) if discrete else 2 * torch.rand(ROWS, STEPS, 4) - 1
    return torch.randn(ROWS, STEPS, 3), actions, torch.randn(ROWS, STEPS)


def steps_of(states: Tensor, actions: Tensor, rewards: Tensor):
    for time in range(states.shape[1]):
        before = (actions[:, time - 1], rewards[:, time - 1]) if time else (actions[:, 0] * 0, rewards[:, 0] * 0)
        yield Step(states[:, time], *before, torch.full((len(states),), time == 0))


def batch(discrete: bool = True) -> Batch:
    states, actions, rewards = draw(discrete)
    columns = {"observation": states, "action": actions, "label": actions, "reward": rewards}
    columns |= {"return_to_go": torch.randn(ROWS, STEPS), "terminated": torch.arange(STEPS).expand(ROWS, -1) == 8}
    return batch_of(torch.full((ROWS,), STEPS), **columns)


each_kind = pytest.mark.parametrize("discrete", [True, False])


# Playing


LINEAR = [{"attention": kind, "context": None} for kind in ("performer", "elu")]


@pytest.mark.parametrize("reach", [{"context": 1}, {"context": 4}, {"context": 12}, *LINEAR], ids=str)
@torch.inference_mode()
def test_played_step_by_step_it_predicts_what_the_full_pass_does(reach: dict) -> None:
    model, rows = build(**reach), draw(True)
    memory = model.begin(ROWS)
    played = torch.stack([model.act(memory, step).predictions for step in steps_of(*rows)], dim=1)
    expected = model(*rows, torch.full((ROWS,), STEPS))[:, :, 2, :4]
    torch.testing.assert_close(played, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("reach", [{}, *LINEAR], ids=str)
@torch.inference_mode()
def test_vectors_are_decided_entry_by_entry(reach: dict) -> None:
    """Each entry is the likeliest bin's mean, by full passes in which those before it are filled in."""
    model, (states, actions, rewards) = build(False, **reach), draw(False)
    memory = model.begin(ROWS)
    lengths = torch.full((ROWS,), STEPS)
    for time, step in enumerate(steps_of(states, actions, rewards)):
        decided, filled = model.act(memory, step).actions, actions.clone()
        for entry in range(4):
            logits = model(states, filled, rewards, lengths)[:, time, 2 + entry]
            filled[:, time, entry] = model.tokens.numbers.means[3 + entry, logits.argmax(-1)]
        torch.testing.assert_close(decided, filled[:, time])


@each_kind
@torch.inference_mode()
def test_drawn_actions_derive_from_the_episodes_seed(discrete: bool) -> None:
    model, rows = build(discrete), draw(discrete)

    def played(seeds: list[int], decoding: str = "sample") -> Tensor:
        memory = model.begin(ROWS, decoding=decoding)
        memory.reset(torch.arange(ROWS), torch.tensor(seeds))
        return torch.stack([model.act(memory, step).actions for step in steps_of(*rows)], dim=1)

    one, same, other = played([5, 6, 7]), played([5, 6, 7]), played([5, 9, 7])
    assert torch.equal(one, same)
    assert torch.equal(one[[0, 2]], other[[0, 2]]) and not torch.equal(one[1], other[1])
    assert not torch.equal(one, played([5, 6, 7], "greedy"))


@torch.inference_mode()
def test_drawn_actions_are_as_frequent_as_likely() -> None:
    model = build()
    step = next(steps_of(*(each[:1].expand(4000, *each.shape[1:]) for each in draw(True))))
    memory = model.begin(4000, decoding="sample")
    memory.reset(torch.arange(4000), torch.arange(4000))
    decision = model.act(memory, step)
    shares = torch.bincount(decision.actions, minlength=4) / 4000
    assert (shares - decision.predictions[0].softmax(-1)).abs().max() < 0.03


@each_kind
@pytest.mark.parametrize("decoding", ["likelihood", "return"])
@torch.inference_mode()
def test_a_search_decides_by_its_best_beam_and_leaves_the_memory_as_it_was(discrete: bool, decoding: str) -> None:
    model, rows = build(discrete), draw(discrete)
    searching = model.begin(ROWS, decoding=decoding, horizon=2, beam_width=4, actions=3)
    greedy = model.begin(ROWS)
    different = 0
    for step in steps_of(*rows):
        decided, likeliest = model.act(searching, step).actions, model.act(greedy, step).actions
        assert decided.shape == likeliest.shape and decided.dtype == likeliest.dtype
        different += int(not torch.equal(decided, likeliest))
    for one, other in zip(searching.kv_cache.layers, greedy.kv_cache.layers, strict=True):
        assert torch.equal(one.ring, other.ring)
    assert different or decoding == "likelihood"  # which may agree with the likeliest action all along


@torch.inference_mode()
def test_planning_takes_the_action_after_which_most_is_expected() -> None:
    """A step ahead: of all choices the one whose reward is followed by the highest return."""
    model, rows = build(), draw(True)
    with torch.no_grad():
        model.stop_head.bias.fill_(-100.0)
    memory = model.begin(ROWS, decoding="return", horizon=1, beam_width=1, actions=4)
    lengths = torch.full((ROWS,), STEPS)
    for time, step in enumerate(steps_of(*rows)):
        decided = model.act(memory, step).actions
        states, actions, rewards = (each.clone() for each in rows)
        expected = []
        for choice in range(4):
            actions[:, time] = choice
            bins = model(states, actions, rewards, lengths)[:, time, 3].argmax(-1)
            rewards[:, time] = model.tokens.decode_rewards(bins)
            features = model._features(model.tokens.encode(states, actions, rewards), states)[:, time, 4]
            expected.append(model.expected_return(features))
        assert decided.tolist() == torch.stack(expected).argmax(0).tolist()


@torch.inference_mode()
def test_a_drawn_step_is_one_of_bins_and_ends_as_often_as_expected() -> None:
    model = build()
    with torch.no_grad():
        model.stop_head.weight.zero_()
        model.stop_head.bias.fill_(math.log(0.25 / 0.75))
    step = next(steps_of(*(each[:1].expand(4000, *each.shape[1:]) for each in draw(True))))
    memory = model.begin(4000, decoding="sample")
    memory.reset(torch.arange(4000), torch.arange(4000))
    imagined = model.imagine_step(memory, step)
    assert imagined.states.shape == (4000, 3) and imagined.actions.shape == imagined.rewards.shape == (4000,)
    assert set(imagined.rewards.tolist()) <= set(model.tokens.numbers.means[-1].tolist())
    assert abs(imagined.stops.float().mean().item() - 0.25) < 0.03


# Learning


def test_a_batch_costs_what_its_tokens_logits_say() -> None:
    """From the full pass's logits, one token after the other."""
    model, rows = build(), batch()
    losses = model.losses(rows, torch.Generator())
    states, actions, rewards = rows["observation"], rows["action"], rows["reward"]
    tokens = model.tokens.encode(states, actions, rewards)
    said = model(states, actions, rewards, rows.seq_lens).log_softmax(-1)
    of_state = of_action = of_reward = 0.0
    for row in range(ROWS):
        for time in range(STEPS):
            of_state -= said[row, time, 0, tokens[row, time, 1]] + said[row, time, 1, tokens[row, time, 2]]
            of_state -= said[row, time - 1, 4, tokens[row, time, 0]] if time else 0.0
            of_action -= said[row, time, 2, actions[row, time]]
            of_reward -= said[row, time, 3, tokens[row, time, 4]]
    count = ROWS * STEPS
    torch.testing.assert_close(losses.terms["state"].mean, of_state / 3 / count)
    torch.testing.assert_close(losses.terms["action"].mean, of_action / count)
    torch.testing.assert_close(losses.terms["reward"].mean, of_reward / count)
    features = model._features(tokens, states)[:, :, 4]
    returns = model.return_head(features).log_softmax(-1)
    expected = -torch.take_along_dim(returns, model.tokens.encode_returns(rows["return_to_go"])[..., None], -1).mean()
    torch.testing.assert_close(losses.terms["return"].mean, expected)
    ends = torch.sigmoid(model.stop_logits(features))
    expected = -torch.where(rows["terminated"], ends, 1 - ends).log().mean()
    torch.testing.assert_close(losses.terms["stop"].mean, expected)


def test_the_demonstrated_action_is_learned_and_the_executed_one_followed() -> None:
    model, rows = build(), batch()
    other = with_columns(rows, label=(rows["label"] + 1) % 4)
    one, changed = (model.losses(each, torch.Generator()).terms for each in (rows, other))
    assert one["action"].mean != changed["action"].mean
    assert all(torch.equal(one[name].mean, changed[name].mean) for name in ("state", "reward", "return", "stop"))


@each_kind
def test_no_prediction_depends_on_what_is_not_due(discrete: bool) -> None:
    """What comes from a reward on does not change what was said of it, nor an action what was said of that."""
    model, rows = build(discrete), draw(discrete)
    lengths = torch.full((ROWS,), STEPS)
    before = model(*rows, lengths)
    torch.manual_seed(7)
    for time in range(STEPS):
        states, actions, rewards = (each.clone() for each in rows)
        states[:, time + 1 :] = torch.randn_like(states[:, time + 1 :])
        rewards[:, time:] = torch.randn_like(rewards[:, time:])
        after = model(states, actions, rewards, lengths)
        assert torch.equal(after[:, : time + 1, :-1].flatten(1), before[:, : time + 1, :-1].flatten(1))
        assert torch.equal(after[:, :time], before[:, :time])
        actions[:, time] = actions[:, time].roll(1, 0)
        after = model(states, actions, rewards, lengths)
        assert torch.equal(after[:, time, :3], before[:, time, :3])
        assert not torch.equal(after[:, time, 3:], before[:, time, 3:])


def test_bins_are_measured_on_the_training_steps(recwarn: pytest.WarningsRecorder) -> None:
    model = build()
    torch.manual_seed(0)
    steps = {
        "observation": torch.tensor([[0.0, 1.0, 5.0], [0.0, 2.0, 6.0]]).repeat(500, 1),
        "action": torch.randint(4, (1000,)),
        "reward": torch.tensor([0.0, 100.0]).repeat(500),
        "return_to_go": torch.linspace(-1, 1, 1000),
    }
    model.fit(steps)
    assert model.tokens.numbers.counts.tolist() == [1, 2, 2, 2]
    assert model.tokens.encode(steps["observation"], steps["action"], steps["reward"])[:, -1].tolist() == [0, 1] * 500
    assert model.tokens.returns.counts.tolist() == [10]
    logits = model(*(each[None, :12] for each in list(steps.values())[:3]), torch.tensor([12]))
    assert logits.isneginf().sum(-1)[0, 0].tolist() == [
        8,
        8,
        6,
        8,
        9,
    ]  # of ten tokens, of those that follow each position
    assert not recwarn.list


def test_what_is_lost_in_bins_is_named() -> None:
    model = build(num_bins=2, component_names=("x", "y", "z"))
    torch.manual_seed(0)
    columns = {"observation": torch.randn(500, 3), "action": torch.randint(4, (500,)), "reward": torch.ones(500)}
    columns["observation"][:, 1] = 0.0
    with pytest.warns(UserWarning, match=r"num_bins: expected 2 bins to keep .* got x 0\.\d+, z 0\.\d+, return-to-go"):
        model.fit(columns | {"return_to_go": torch.randn(500)})


# What makes no sense


@pytest.mark.parametrize(
    ("play", "message"),
    [
        ({"actions": 5}, "actions: expected at most the 4 that there are, got 5"),
        ({"beam_width": 65, "horizon": 3}, "beam_width: expected at most actions .. horizon = 64"),
        ({"horizon": 0}, "horizon: expected at least 1, got 0"),
        ({"likelihood_weight": math.inf}, "likelihood_weight: expected a finite number from 0, got inf"),
    ],
)
def test_searches_that_cannot_be_are_refused(play: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build().begin(1, decoding="return", **play)


def test_all_choices_are_tried_where_nothing_else_is_said_and_of_vectors_it_has_to_be() -> None:
    assert build().begin(1, decoding="return").settings["search"].actions == 4
    with pytest.raises(ValueError, match="actions: expected how many action vectors are tried, got none"):
        build(False).begin(1, decoding="return")


def test_no_more_vectors_are_tried_than_their_entries_have_bins() -> None:
    model = build(False)
    model.tokens.numbers.counts[3:7] = torch.tensor([1, 2, 1, 3])
    assert model.begin(1, decoding="return", actions=6).settings["search"].actions == 6
    with pytest.raises(ValueError, match="actions: expected at most the 6 that there are, got 7"):
        model.begin(1, decoding="return", actions=7)


@pytest.mark.parametrize("decoding", ["greedy", "sample"])
@pytest.mark.parametrize(
    "given",
    [
        {"horizon": 0},
        {"beam_width": 10**9},
        {"actions": 0},
        {"least_probability": 0.1},
        {"likelihood_weight": math.inf},
    ],
    ids=str,
)
def test_settings_of_a_search_are_refused_where_nothing_is_searched(decoding: str, given: dict) -> None:
    sentence = f"decoding: expected likelihood or return beside settings of a search, got {decoding}"
    with pytest.raises(ValueError, match=sentence):
        build().begin(1, decoding=decoding, **given)


def test_returns_are_learned_also_where_a_limit_cut_the_episodes_off() -> None:
    model, rows = build(), batch()
    unknown = replace(rows, value_mask=torch.zeros_like(rows.mask))
    terms = [model.losses(each, torch.Generator()).terms["return"] for each in (rows, unknown)]
    assert torch.equal(terms[0].mean, terms[1].mean) and torch.equal(terms[1].mask, rows.mask)


def test_without_rewards_there_is_nothing_to_plan_for() -> None:
    model = build()
    columns = {"observation": torch.randn(50, 3), "action": torch.randint(4, (50,)), "reward": torch.zeros(50)}
    with pytest.warns(UserWarning):
        model.fit(columns | {"return_to_go": torch.zeros(50)})
    model.begin(1, decoding="likelihood")
    with pytest.raises(ValueError, match="decoding: expected training episodes with different returns to plan for"):
        model.begin(1, decoding="return")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_bins": 1}, "num_bins: expected at least 2, got 1"),
        ({"action_weight": -1.0}, "state_weight, action_weight: expected at least 0 each, got 1.0 and -1.0"),
        ({"state_weight": math.nan}, "state_weight, action_weight: expected at least 0 each"),
        ({"context": 13}, "context: expected at most max_seq_len = 12 steps, got 13"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_rewards_of_another_shape_are_refused() -> None:
    states, actions, rewards = draw(True)
    with pytest.raises(ValueError, match=r"rewards: expected shape \(3, 9\), got \(3, 8\)"):
        build()(states, actions, rewards[:, 1:], torch.full((ROWS,), STEPS))


def test_rows_that_do_not_belong_together_are_refused() -> None:
    model, (states, actions, rewards) = build(), draw(True)
    lengths = torch.full((ROWS,), STEPS)
    with pytest.raises(ValueError, match=f"actions: expected 3 rows of {STEPS} steps as in states"):
        model(states, actions[:, 1:], rewards, lengths)
    with pytest.raises(ValueError, match="states: expected at most max_seq_len = 12 steps, got 13"):
        model(torch.zeros(1, 13, 3), torch.zeros(1, 13, dtype=torch.int64), torch.zeros(1, 13), torch.tensor([13]))
    with pytest.raises(ValueError, match="seq_lens: expected"):
        model(states, actions, rewards, lengths[1:])


@torch.no_grad()
def test_predicted_vectors_are_those_of_the_likeliest_bins() -> None:
    model = build(False)
    logits = torch.zeros(
        1, 1, model.tokens_per_step, model.heads(torch.zeros(1, 1, model.tokens_per_step, 16)).shape[-1]
    )
    bins = [3, 0, 7, 5]
    for entry, number in enumerate(bins):
        logits[0, 0, 2 + entry, number] = 5.0
    expected = model.tokens.decode_actions(torch.tensor([[bins]]))
    assert expected.unique().numel() > 1
    torch.testing.assert_close(model._predictions(logits), expected)
