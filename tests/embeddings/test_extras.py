"""Embedders of extras: a sentence where the library is missing, and vectors where it and a model are there."""

import importlib.metadata
import json
import sys
import types
from typing import ClassVar

import numpy as np
import pytest
import torch

from tests.builders import refused
from understudy.embeddings.embedder import identity, load_embedder, save_embedder
from understudy.embeddings.hub import HubEmbedder
from understudy.embeddings.wordllama import WordLlamaEmbedder
from understudy.errors import DataError, ParameterError

EXTRAS = [("wordllama", "wordllama", WordLlamaEmbedder, (64, 100)), ("transformers", "hub", HubEmbedder, ("gpt2", 16))]


@pytest.mark.parametrize(("module", "extra", "kind", "arguments"), EXTRAS)
def test_a_missing_library_is_a_sentence(monkeypatch, module, extra, kind, arguments):
    monkeypatch.setitem(sys.modules, module, None)
    with refused(ParameterError, f"need {module}, which is not installed; `pip install 'understudy[{extra}]'`"):
        kind(*arguments)


def test_wordllama_embeds_offline():
    pytest.importorskip("wordllama")
    embedder = WordLlamaEmbedder(64, 1000)
    found = embedder.embed(["cancel my order", "please cancel the order", "the weather in Oslo"])
    assert found.shape == (3, 64) and found.dtype == np.float32
    assert found[0] @ found[1] > found[0] @ found[2]


class FakeWordLlama:
    """Stands for the library's class: vectors of six numbers, of the first of which a text's length is one."""

    loaded: ClassVar[list] = []

    @classmethod
    def load(cls, **arguments):
        cls.loaded.append(arguments)
        return cls()

    def embed(self, texts):
        return np.array([[len(text), 1, 2, 3, 4, 5] for text in texts], np.float32)


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A module `wordllama` in a folder with weights."""
    folder = tmp_path / "wordllama"
    (folder / "weights").mkdir(parents=True)
    (folder / "weights/small.safetensors").write_bytes(b"weights")
    module = types.ModuleType("wordllama")
    module.__file__, module.WordLlama = str(folder / "__init__.py"), FakeWordLlama
    monkeypatch.setitem(sys.modules, "wordllama", module)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: {"wordllama": "1.2.3"}[name])
    monkeypatch.setattr(FakeWordLlama, "loaded", [])
    return folder


def test_wordllama_is_loaded_from_its_package_and_nothing_is_downloaded(fake):
    embedder = WordLlamaEmbedder(2, 3)
    assert FakeWordLlama.loaded == [{"cache_dir": fake, "disable_download": True}]
    found = embedder.embed(["a", "abcdef"])
    np.testing.assert_allclose(
        found, [[0.5**0.5, 0.5**0.5], [0.9**0.5, 0.1**0.5]], rtol=1e-6
    )  # three characters are read
    assert embedder.embed([]).shape == (0, 2)


def test_wordllama_comes_back_from_disk_with_the_same_weights_alone(fake, tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    save_embedder(WordLlamaEmbedder(2, 3), folder)
    rebuilt, before = load_embedder(folder), identity(folder)
    assert (rebuilt.dim, rebuilt.max_characters, rebuilt.describe()["version"]) == (2, 3, "1.2.3")
    (fake / "weights/small.safetensors").write_bytes(b"others")
    with refused(
        DataError, "wordllama 1.2.3: expected the weights that vectors were made with, those of 1.2.3, got others"
    ):
        load_embedder(folder)
    save_embedder(WordLlamaEmbedder(2, 3), folder)
    assert identity(folder) != before


def test_more_numbers_than_wordllama_has_are_refused(fake):
    assert WordLlamaEmbedder(6, 3).embed(["a"]).shape == (1, 6)
    with refused(ParameterError, "texts.dim: expected at most 6, as WordLlama's vectors have, got 7"):
        WordLlamaEmbedder(7, 3)


@pytest.fixture
def model(tmp_path):
    """A folder with a model of one layer and a tokenizer of five words."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = {word: place for place, word in enumerate(["[PAD]", "[UNK]", "cancel", "order", "weather"])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]")
    fast.save_pretrained(tmp_path / "model")
    write_model(tmp_path / "model", 0)
    return tmp_path / "model"


def write_model(folder, seed):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(seed)
    sizes = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16}
    transformers.BertModel(transformers.BertConfig(vocab_size=5, **sizes)).save_pretrained(folder)


def test_gpt_2_embeds_though_it_has_no_token_to_pad_with(tmp_path):
    transformers, tokenizers = pytest.importorskip("transformers"), pytest.importorskip("tokenizers")
    words = {"<|endoftext|>": 0, "cancel": 1, "order": 2, "weather": 3}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<|endoftext|>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    of_end = dict.fromkeys(("unk_token", "eos_token"), "<|endoftext|>")
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **of_end).save_pretrained(tmp_path)
    torch.manual_seed(0)
    sizes = transformers.GPT2Config(vocab_size=4, n_positions=16, n_embd=8, n_layer=1, n_head=2)
    transformers.GPT2Model(sizes).save_pretrained(tmp_path)
    embedder = HubEmbedder(str(tmp_path), 16)
    together = embedder.embed(["weather", "cancel order weather"])
    np.testing.assert_allclose(embedder.embed(["weather"])[0], together[0], atol=1e-5)  # padding changes nothing
    with torch.inference_mode():
        layer = embedder.model(torch.tensor([[1, 2, 3]])).last_hidden_state[0].mean(0)
    np.testing.assert_allclose(together[1], (layer / layer.norm()).numpy(), atol=1e-5)


def pooled(folder, content):
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling/config.json").write_text(json.dumps(content))


def test_a_model_of_the_hub_embeds(model):
    embedder = HubEmbedder(str(model), 16)
    together = embedder.embed(["cancel order", "weather", ""])
    assert together.shape == (3, 8)
    np.testing.assert_allclose(embedder.embed(["weather"])[0], together[1], atol=1e-5)  # padding changes nothing


@pytest.mark.parametrize(
    ("content", "pooling"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True, "include_prompt": True}, "cls"),
        ({"pooling_mode": "mean"}, "mean"),
        ({"pooling_mode": "cls"}, "cls"),
        (None, "mean"),
    ],
)
def test_a_sentence_transformer_pools_as_its_folder_says(model, content, pooling):
    if content is not None:
        pooled(model, content)
    embedder = HubEmbedder(str(model), 16)
    tokens = embedder.tokenizer(["cancel order"], return_tensors="pt")
    with torch.inference_mode():
        layer = embedder.model(**tokens).last_hidden_state[0].numpy()
    expected = layer[0] if pooling == "cls" else layer.mean(axis=0)
    found = embedder.embed(["cancel order", "cancel order weather weather"])[0]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-5)


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, "mean_tokens, max_tokens"),
        ({"pooling_mode": "lasttoken"}, "lasttoken"),
        ({"pooling_mode_mean_tokens": False}, "none"),
    ],
)
def test_another_pooling_is_refused(model, content, got):
    pooled(model, content)
    with refused(ParameterError, "1_Pooling/config.json: expected one of mean and cls, got " + got):
        HubEmbedder(str(model), 16)


def test_a_pooling_that_cannot_be_read_is_refused(model):
    pooled(model, [])
    with refused(ParameterError, "1_Pooling/config.json: expected a JSON object, got: "):
        HubEmbedder(str(model), 16)


def test_a_model_that_is_none_is_a_sentence(tmp_path):
    pytest.importorskip("transformers")
    with refused(ParameterError, "texts.hub.model: expected a model of the hub", str(tmp_path)):
        HubEmbedder(str(tmp_path), 16)


def test_a_model_of_the_hub_comes_back_with_the_same_weights_alone(model, tmp_path):
    save_embedder(HubEmbedder(str(model), 16), tmp_path)
    before, texts = identity(tmp_path), ["cancel order"]
    assert (load_embedder(tmp_path).embed(texts) == HubEmbedder(str(model), 16).embed(texts)).all()
    write_model(model, 1)
    with refused(DataError, f"{model}: expected the model that vectors were made with, weights "):
        load_embedder(tmp_path)
    save_embedder(HubEmbedder(str(model), 16), tmp_path)
    assert identity(tmp_path) != before


def test_a_missing_library_of_a_saved_embedder_is_a_sentence(fake, tmp_path, monkeypatch):
    save_embedder(WordLlamaEmbedder(2, 3), tmp_path)
    monkeypatch.setitem(sys.modules, "wordllama", None)
    with refused(ParameterError, "need wordllama, which is not installed"):
        load_embedder(tmp_path)
