"""Models of the transformers library in the trunk's place, each built from a small configuration."""

import pytest
import torch

from tests.generation.policies import SIZES, WORDLE, text_policy
from tests.models.rows import batch_of, roll_out
from understudy.errors import ParameterError
from understudy.models.language_bc import LanguageBC
from understudy.models.language_q import LanguageQ
from understudy.nn import language_options
from understudy.nn.hub_trunk import build_hub_trunk

ROWS, STEPS, WIDTH = 3, 7, 16
KINDS = {
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 13, "vocab_size": 5, "attn_pdrop": 0.5},
    "llama": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 13,
        "vocab_size": 5,
    },
    "bert": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 13,
        "vocab_size": 5,
    },
}


SEES_AHEAD = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 13, "vocab_size": 5}
ENCODER_AND_DECODER = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "vocab_size": 5}
OF_IMAGES = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 8,
    "patch_size": 4,
}
WITHOUT_A_WIDTH = {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2}


@pytest.fixture(params=KINDS)
def folder(request, tmp_path):
    transformers = pytest.importorskip("transformers")
    transformers.AutoConfig.for_model(request.param, **KINDS[request.param]).save_pretrained(tmp_path)
    return tmp_path


def build(folder, kind="hub_config", family=LanguageBC, **further):
    torch.manual_seed(0)
    model = family(3, 4, WIDTH, 1, 1, 1, 12, True, backbone=f"{kind}:{folder}", **further)
    return model.eval()


def test_the_cache_gives_what_the_full_pass_gives_and_nothing_sees_what_comes_after(folder):
    model = build(folder)
    torch.manual_seed(1)
    states = torch.randn(ROWS, STEPS, 3, requires_grad=True)
    preds = model(states, torch.full((ROWS,), STEPS))
    for time in range(STEPS):
        [gradient] = torch.autograd.grad(preds[:, time].square().sum(), states, retain_graph=True)
        assert not gradient[:, time + 1 :].any() and gradient[:, : time + 1].any(-1).all()
    with torch.inference_mode():
        memory = model.begin(ROWS)
        played = roll_out(model, memory, states, torch.zeros(ROWS, STEPS, dtype=torch.int64))
        torch.testing.assert_close(played.predictions, preds.detach(), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_rows_begin_again_and_leave_by_themselves(folder):
    model, kept = build(folder), torch.tensor([2, 0])
    torch.manual_seed(1)
    states, nothing = torch.randn(ROWS, STEPS, 3), torch.zeros(ROWS, STEPS, dtype=torch.int64)
    memory = model.begin(ROWS)
    first = roll_out(model, memory, states[:, :3], nothing[:, :3])
    memory.reset(torch.tensor([2]))
    memory.keep(kept)
    rest = roll_out(model, memory, states[kept, 3:], nothing[kept, 3:]).predictions
    whole = model(states, torch.full((ROWS,), STEPS))
    anew = model(states[2:, 3:], torch.tensor([STEPS - 3]))
    torch.testing.assert_close(first.predictions, whole[:, :3], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(rest[0], anew[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(rest[1], whole[0, 3:], atol=1e-5, rtol=1e-5)


def test_it_learns_and_its_target_follows_and_chance_has_no_part(folder):
    model = build(folder, family=LanguageQ, return_scale=(-1.0, 2.0)).train()
    torch.manual_seed(1)
    states = torch.randn(ROWS, STEPS, 3)
    said = [model(states, torch.full((ROWS,), STEPS))[0] for _ in range(2)]
    assert torch.equal(*said)
    said[0].square().sum().backward()
    trained = [name for name, weights in model.tokens.encoder.trunk.named_parameters() if weights.grad is not None]
    assert trained
    before = {name: weights.clone() for name, weights in model.target.named_buffers()}
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(1.0)
    model.after_update()
    after = dict(model.target.named_buffers())
    assert all(not torch.equal(before[f"encoder.trunk.{name}"], after[f"encoder.trunk.{name}"]) for name in trained)


def test_weights_of_the_hub_are_taken_where_they_are_asked_for(folder):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(5)
    saved = transformers.AutoModel.from_config(transformers.AutoConfig.from_pretrained(folder))
    saved.save_pretrained(folder)
    taken, anew = build(folder, "hub").state_dict(), build(folder).state_dict()
    matrices = [name for name, weights in saved.state_dict().items() if weights.ndim == 2 and "emb" not in name]
    assert matrices
    for name in matrices:
        if f"encoder.trunk.model.{name}" in taken and "wte" not in name and "wpe" not in name:
            assert torch.equal(taken[f"encoder.trunk.model.{name}"], saved.state_dict()[name])
            assert not torch.equal(anew[f"encoder.trunk.model.{name}"], saved.state_dict()[name])


def test_rows_are_as_long_as_the_model_takes_and_no_longer(folder):
    """Of one that learns values a row is a step longer in training: by what an episode led to that was cut off."""
    columns = {"observation": torch.randn(1, 12, 3), "label": torch.zeros(1, 12, dtype=torch.int64)}
    columns |= {"action": columns["label"], "reward": torch.zeros(1, 12), "final_observation": torch.zeros(1, 3)}
    columns |= {name: torch.zeros(1, 12, dtype=torch.bool) for name in ("terminated", "truncated")}
    model = build(folder, family=LanguageQ, return_scale=(0.0, 1.0), context=6)
    assert model.losses(batch_of(torch.tensor([12]), **columns), torch.Generator()).objective().isfinite()
    for family, length, given in ((LanguageBC, 14, {}), (LanguageQ, 13, {"return_scale": (0.0, 1.0)})):
        with pytest.raises(ValueError, match=r"max_seq_len: expected rows of at most 13 steps, as .*, got up to 14"):
            family(3, 4, WIDTH, 1, 1, 1, length, True, backbone=f"hub_config:{folder}", context=6, **given)


def test_mistakes_are_a_sentence(folder):
    for width, context, sentence in (
        (8, 12, "embed_dim: expected 16, the width of hub_config:"),
        (16, 14, "context: expected at most 13 steps"),
    ):
        with pytest.raises(ValueError, match=sentence):
            build_hub_trunk(f"hub_config:{folder}", width, context, 12)
    with pytest.raises(ValueError, match="backbone: expected a model of the hub or its folder, got 'hub:") as said:
        build_hub_trunk(f"hub:{folder / 'nowhere'}", 16, 12, 12)
    assert "\n" not in str(said.value)
    model = build(folder, context=3)
    with pytest.raises(ValueError, match="context: expected texts of at most 3 steps, got a longer one"):
        roll_out(model, model.begin(1), torch.zeros(1, 4, 3), torch.zeros(1, 4, dtype=torch.int64))


@pytest.mark.parametrize("backbone", ["gpt2", "hub:", "net:gpt2"])
def test_another_backbone_is_refused(backbone):
    with pytest.raises(ValueError, match=f"backbone: expected trunk, hub:NAME or hub_config:NAME, got '{backbone}'"):
        LanguageBC(3, 4, WIDTH, 1, 1, 1, 12, True, backbone=backbone)


def test_without_the_library_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(
        ParameterError, match=r"backbone: models of the hub need transformers, which is not installed; `pip install"
    ):
        build_hub_trunk("hub:gpt2", 16, 12, 12)


def test_by_default_it_is_the_trunk():
    assert text_policy("language_bc", WORDLE).model.options.backbone == "trunk"
    assert SIZES["embed_dim"] == WIDTH


@pytest.mark.parametrize(
    ("kind", "sizes", "sentence"),
    [
        ("distilbert", SEES_AHEAD, "expected a model whose tokens can see those before them alone"),
        ("vit", OF_IMAGES, "expected a model whose tokens can see those before them alone"),
        ("convnext", WITHOUT_A_WIDTH, "expected a model whose tokens can see those before them alone"),
        ("t5", ENCODER_AND_DECODER, "expected one transformer, got"),
    ],
)
def test_a_model_that_cannot_look_back_alone_is_refused(kind, sizes, sentence, tmp_path):
    transformers = pytest.importorskip("transformers")
    transformers.AutoConfig.for_model(kind, **sizes).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"backbone: {sentence}"):
        build_hub_trunk(f"hub_config:{tmp_path}", WIDTH, 12, 13)


def test_training_is_on_unless_told_otherwise_and_its_dropout_off(folder):
    trunk = build(folder).encoder.trunk
    assert trunk.train().training and not trunk.model.training
    assert not trunk.train(False).training


@torch.inference_mode()
def test_the_longest_of_the_rows_may_not_leave_the_context(folder):
    """One begins anew halfway; the other is told that there is no more room."""
    model = build(folder)
    context, memory = model.encoder.trunk.context, model.begin(2)
    tokens = torch.zeros(2, WIDTH)
    for step in range(context):
        if step == 3:
            memory.reset(torch.tensor([0]))
        model.encoder.trunk.decode_step(tokens, memory.cache)
    with pytest.raises(ValueError, match=f"context: expected texts of at most {context} steps, got a longer one"):
        model.encoder.trunk.decode_step(tokens, memory.cache)


@pytest.mark.parametrize(("context", "expected"), [(None, 12), (5, 5)])
def test_its_context_is_that_of_the_options_or_the_whole_row(monkeypatch, context, expected):
    asked = []

    def build_hub(backbone, embed_dim, context, longest_row):
        asked.append((backbone, embed_dim, context, longest_row))
        raise ValueError("asked")

    monkeypatch.setattr(language_options, "build_hub_trunk", build_hub)
    with pytest.raises(ValueError, match="asked"):
        LanguageBC(3, 4, WIDTH, 1, 1, 1, 12, True, backbone="hub:any", context=context)
    assert asked == [("hub:any", WIDTH, expected, 12)]
