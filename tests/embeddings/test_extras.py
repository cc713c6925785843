"""Embedders of extras: a sentence where the library is missing, and vectors where it and a model are there."""

import sys

import numpy as np
import pytest

from tests.builders import refused
from understudy.embeddings.hub import HubEmbedder
from understudy.embeddings.wordllama import WordLlamaEmbedder
from understudy.errors import ParameterError

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


def test_a_model_of_the_hub_embeds(tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = {word: place for place, word in enumerate(["[PAD]", "[UNK]", "cancel", "order", "weather"])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]")
    fast.save_pretrained(tmp_path)
    sizes = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.BertConfig(vocab_size=5, **sizes)
    transformers.BertModel(config).save_pretrained(tmp_path)
    embedder = HubEmbedder(str(tmp_path), 16)
    together = embedder.embed(["cancel order", "weather", ""])
    assert together.shape == (3, 8)
    np.testing.assert_allclose(embedder.embed(["weather"])[0], together[1], atol=1e-5)  # padding changes nothing
