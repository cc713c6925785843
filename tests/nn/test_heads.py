"""Heads, against the formula W x + b computed by hand from their weights."""

import math

import pytest
import torch

from understudy.nn.heads import ActionHead, ValueHead, choose_actions, greedy_actions, multilayer_perceptron


@pytest.mark.parametrize(("name", "activation"), [("relu", torch.relu), ("tanh", torch.tanh)])
@torch.no_grad()
def test_a_perceptron_activates_between_layers_and_not_after_the_last(name: str, activation) -> None:
    torch.manual_seed(0)
    network, x = multilayer_perceptron([3, 5, 4, 2], name), torch.randn(6, 3)
    linear = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in linear] == [(5, 3), (4, 5), (2, 4)]
    features = activation(activation(x @ linear[0].weight.T + linear[0].bias) @ linear[1].weight.T + linear[1].bias)
    torch.testing.assert_close(network(x), features @ linear[2].weight.T + linear[2].bias)


def test_a_perceptron_without_hidden_layers_is_linear() -> None:
    assert len(multilayer_perceptron([3, 2], "relu")) == 1


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ValueError, match="activation: expected one of relu, tanh, got 'gelu'"):
        multilayer_perceptron([3, 2], "gelu")


@torch.no_grad()
def test_logits_of_choices_are_one_linear_layer() -> None:
    torch.manual_seed(1)
    head, features = ActionHead(4, 3, discrete_actions=True), torch.randn(2, 5, 4)
    logits, log_std = head(features)
    assert log_std is None
    assert logits.shape == (2, 5, 3)
    torch.testing.assert_close(logits, features @ head.predict.weight.T + head.predict.bias)


@torch.no_grad()
def test_a_gaussian_has_means_first_and_log_deviations_after() -> None:
    head = ActionHead(1, 2, discrete_actions=False)
    head.predict.weight.copy_(torch.tensor([[1.0], [2.0], [0.5], [-0.5]]))
    head.predict.bias.zero_()
    mean, log_std = head(torch.tensor([[2.0]]))
    assert mean.tolist() == [[2.0, 4.0]]
    assert log_std.tolist() == [[1.0, -1.0]]


def test_log_deviations_stay_within_their_range() -> None:
    mean, log_std = ActionHead(1, 2, discrete_actions=False).split(torch.tensor([-9.0, 9.0, -9.0, 9.0]))
    assert mean.tolist() == [-9.0, 9.0]
    assert log_std.tolist() == [-5.0, 2.0]


def test_logits_are_not_clamped() -> None:
    logits, log_std = ActionHead(1, 2, discrete_actions=True).split(torch.tensor([-9.0, 9.0]))
    assert logits.tolist() == [-9.0, 9.0]
    assert log_std is None


@torch.no_grad()
def test_means_by_squared_error_have_no_deviation_of_their_own() -> None:
    head, features = ActionHead(4, 3, discrete_actions=False, continuous_loss="mse"), torch.randn(2, 5, 4)
    mean, log_std = head(features)
    assert head.predict.weight.shape == (3, 4)
    torch.testing.assert_close(mean, features @ head.predict.weight.T + head.predict.bias)
    assert log_std is None


# Choosing

LOGITS = torch.tensor([[0.0, math.log(3)], [50.0, 0.0], [0.0, 50.0]])
MEANS = torch.tensor([[0.5, -0.25], [3.0, 0.0]])
LOG_STD = torch.tensor([[0.0, math.log(0.1)], [math.log(2.0), -30.0]])


@torch.no_grad()
def test_by_similarity_a_vectors_inner_product_with_an_action_is_their_cosine_times_a_scale() -> None:
    torch.manual_seed(4)
    head, features = ActionHead(4, 3, discrete_actions=False, continuous_loss="similarity"), torch.randn(5, 4)
    actions = torch.nn.functional.normalize(torch.randn(5, 3), dim=-1)
    preds, log_std = head(features)
    assert log_std is None and head.log_scale.exp().item() == pytest.approx(10)
    cosines = torch.cosine_similarity(features @ head.predict.weight.T + head.predict.bias, actions)
    torch.testing.assert_close((preds * actions).sum(-1), 10 * cosines)
    assert ActionHead(4, 3, discrete_actions=True, continuous_loss="similarity").log_scale is None


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_likeliest_choice_is_that_of_the_largest_logit_and_the_likeliest_vector_the_mean() -> None:
    assert greedy_actions(LOGITS, discrete_actions=True).tolist() == [1, 0, 1]
    assert greedy_actions(LOGITS[None], discrete_actions=True).tolist() == [[1, 0, 1]]
    assert greedy_actions(MEANS, discrete_actions=False) is MEANS


def test_without_a_generator_the_likeliest_actions_are_chosen() -> None:
    assert choose_actions(LOGITS, None, True, None).tolist() == [1, 0, 1]
    assert torch.equal(choose_actions(MEANS, LOG_STD, False, None), MEANS)


def test_drawn_choices_are_as_frequent_as_the_softmax_says() -> None:
    drawn = choose_actions(LOGITS[:1].expand(10_000, 2), None, True, seeded())
    assert drawn.shape == (10_000,) and drawn.dtype == torch.int64
    assert drawn.float().mean().item() == pytest.approx(0.75, abs=0.02)  # five standard errors
    assert choose_actions(LOGITS[1:], None, True, seeded()).tolist() == [0, 1]


def test_of_one_choice_that_one_is_drawn() -> None:
    assert choose_actions(torch.zeros(3, 1), None, True, seeded()).tolist() == [0, 0, 0]


def test_drawn_vectors_lie_about_the_mean_as_far_as_the_deviation_says() -> None:
    drawn = choose_actions(MEANS[:, None].expand(2, 10_000, 2), LOG_STD[:, None].expand(2, 10_000, 2), False, seeded())
    torch.testing.assert_close(drawn.mean(1), MEANS, atol=0.1, rtol=0)  # five standard errors of the widest
    torch.testing.assert_close(drawn.std(1), LOG_STD.exp(), atol=1e-6, rtol=0.05)


@pytest.mark.parametrize(("preds", "log_std"), [(LOGITS.expand(9, 3, 2).flatten(0, 1), None), (MEANS, LOG_STD)])
def test_draws_are_a_function_of_the_generator_alone(preds: torch.Tensor, log_std: torch.Tensor | None) -> None:
    before = torch.get_rng_state()
    one, same, other = (choose_actions(preds, log_std, log_std is None, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_where_nothing_says_how_far_vectors_may_lie_nothing_is_drawn() -> None:
    generator = seeded(3)
    assert torch.equal(choose_actions(MEANS, None, False, generator), MEANS)
    assert torch.equal(generator.get_state(), seeded(3).get_state())


@pytest.mark.parametrize(("preds", "log_std"), [(LOGITS, None), (MEANS, LOG_STD)])
def test_actions_are_drawn_on_the_cpu_whatever_the_default_device(
    preds: torch.Tensor, log_std: torch.Tensor | None
) -> None:
    expected = choose_actions(preds, log_std, log_std is None, seeded())
    with torch.device("meta"):
        assert torch.equal(choose_actions(preds, log_std, log_std is None, seeded()), expected)


@pytest.mark.parametrize("discrete", [True, False])
def test_a_head_chooses_among_its_own_kind_of_actions(discrete: bool) -> None:
    torch.manual_seed(2)
    head, features = ActionHead(4, 3, discrete), torch.randn(50, 4)
    preds, log_std = head(features)
    for generator in (lambda: None, seeded):
        expected = choose_actions(preds, log_std, discrete, generator())
        assert torch.equal(head.choose(preds, log_std, generator()), expected)


@torch.no_grad()
def test_a_value_is_one_number_a_step() -> None:
    head = ValueHead(2)
    head.predict.weight.copy_(torch.tensor([[1.0, 10.0]]))
    head.predict.bias.fill_(0.5)
    assert head(torch.tensor([[[1.0, 2.0], [3.0, 0.0]]])).tolist() == [[21.5, 3.5]]
