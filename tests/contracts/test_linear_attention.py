"""What linear attention promises, in every family that has the option, built as the pipeline builds it.

That a family plays step by step as its full pass goes stands in its own tests, what its rows do beside each other in
tests/models/test_family_playing.py, what its batches cost in tests/models/test_family_losses.py.
"""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from tests.builders import CHOICES
from tests.models.cases import ATTENDING, LINEAR, STEPS, Case, build, draw_batch, draw_steps, generator, tensors_of
from tests.models.rows import roll_out, with_columns
from tests.toys import CONFIGS, OF_TOKENS, tiny_interface
from understudy.errors import ParameterError
from understudy.nn.kernel_features import RandomFeatures
from understudy.nn.running_sums import SumsCache
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy, load_trained, save_policy
from understudy.sequences.batch import Batch

ALL = CONFIGS | OF_TOKENS
each_case = pytest.mark.parametrize("case", ATTENDING, ids=str)
each_family = pytest.mark.parametrize("name", sorted({case.name for case in ATTENDING}))
each_kind = pytest.mark.parametrize("kind", LINEAR)


def test_every_transformer_has_the_option_and_every_kind_is_tried() -> None:
    transformers = {name for name, config in ALL.items() if "num_heads" in config}
    assert {case.name for case in ATTENDING} == transformers
    assert {(case.name, case.attention) for case in ATTENDING} == {
        (name, kind) for name in transformers for kind in LINEAR
    }


@each_case
@torch.no_grad()
def test_nothing_leaks_from_later_steps(case: Case) -> None:
    """What a full pass says, to the bit; later steps of any size, since large keys would show in a stabiliser."""
    model, batch = build(case), draw_batch(case)
    before = said_of(model, batch)
    for time in (1, 4, STEPS - 1):
        observation = batch["observation"].clone()
        observation[:, time:] *= 30.0
        after = said_of(model, with_columns(batch, observation=observation))
        assert torch.equal(after[:, :time], before[:, :time])
        assert not torch.equal(after[:, time:], before[:, time:])


def said_of(model: nn.Module, batch: Batch) -> Tensor:
    """Predictions (B, T, ...) of what was done; of a family that makes none, since it learns what actions are worth, values."""
    predictions = model.losses(batch, generator()).predictions
    return model(batch["observation"], batch["action"], batch.seq_lens) if predictions is None else predictions


@each_case
@torch.inference_mode()
def test_what_is_saved_plays_on_the_same_to_the_bit(case: Case, tmp_path: Path) -> None:
    """Random directions are among the weights: another model of other ones, loaded, has these."""
    interface = tiny_interface(case.spec, num_options=3)
    config = {name: each for name, each in ALL[case.name].items() if name != "context"}
    config |= {"attention": case.attention, "num_random_features": 6}
    torch.manual_seed(0)
    model = build_model(case.name, config, interface, case.name).eval()
    save_policy(TrainedPolicy(model, case.name, config, interface), tmp_path)
    torch.manual_seed(1)
    loaded = load_trained(tmp_path).model
    rows = draw_steps(case)
    played, again = (roll_out(each, each.begin(case.rows), *rows) for each in (model, loaded))
    assert all(torch.equal(one, other) for one, other in zip(tensors_of(played), tensors_of(again), strict=True))
    saved = safetensors.torch.load_file(tmp_path / "model.safetensors")
    directions = {name for name in saved if name.endswith("features.projection")}
    drawn = {name for name, module in model.named_modules() if isinstance(module, RandomFeatures)}
    assert directions == {f"{name}.projection" for name in drawn}
    assert bool(directions) == (case.attention == "performer")


@each_case
def test_a_seed_learns_the_same_bytes_and_leaves_the_directions_alone(case: Case) -> None:
    learned = []
    for _ in range(2):
        model, batch = build(case), draw_batch(case)
        drawn = {name: each.clone() for name, each in model.state_dict().items() if "projection" in name}
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        for _ in range(2):
            optimizer.zero_grad()
            model.losses(batch, generator()).objective().backward()
            optimizer.step()
            model.after_update()
        learned.append(model.state_dict())
        assert all(torch.equal(learned[-1][name], each) for name, each in drawn.items())
    assert all(torch.equal(learned[0][name], each) and each.isfinite().all() for name, each in learned[1].items())


@each_case
@torch.inference_mode()
def test_memory_at_play_stays_the_same_and_is_float32_in_bfloat16(case: Case) -> None:
    model = build(case)
    model.set_compute_dtype(torch.bfloat16)
    memory = model.begin(case.rows)
    assert isinstance(memory.cache, SumsCache)
    before = [layer.sums.shape for layer in memory.cache.layers]
    roll_out(model, memory, *draw_steps(case, 3))
    assert [layer.sums.shape for layer in memory.cache.layers] == before
    assert {layer.sums.dtype for layer in memory.cache.layers} == {torch.float32}


@each_family
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"attention": "linear"}, "attention: expected 'softmax', 'performer' or 'elu', got 'linear'"),
        ({"attention": "performer", "num_random_features": 0}, "num_random_features: expected at least 1, got 0"),
        ({"attention": "performer", "num_random_features": 2.5}, "num_random_features: expected "),
        (
            {"attention": "elu", "context": 4},
            "context: expected null under attention 'elu', which has no window and sees all of a row, got 4",
        ),
    ],
)
def test_what_makes_no_sense_is_a_sentence(name: str, given: dict, message: str) -> None:
    config = ALL[name] | {"context": None} | given
    with pytest.raises(ParameterError) as raised:
        build_model(name, config, tiny_interface(CHOICES, num_options=3), f"policies.{name}")
    assert str(raised.value).startswith(f"policies.{name}.model.{message}")
    assert "\n" not in str(raised.value)
