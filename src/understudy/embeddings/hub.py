"""Texts by any transformers model: the last layer's mean over a text's tokens, or its vector of the first token.

Models of sentence-transformers are such, too, whose 1_Pooling/config.json says which of both; so is GPT-2, which says nothing and
gives the mean. What such a model has after its pooling, such as a dense layer, is not read. A name is looked up on the hub unless
it is a folder or is cached.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from safetensors import SafetensorError
from sklearn.preprocessing import normalize

from understudy.errors import DataError, ParameterError
from understudy.sources.optional import import_optional

TEXTS_AT_ONCE = 32
FLAG = "pooling_mode_"
POOLING = "1_Pooling/config.json"
MEAN, FIRST = "mean", "cls"
WAYS = {"mean_tokens": MEAN, "cls_token": FIRST, MEAN: MEAN, FIRST: FIRST}  # by their names, older and newer


class HubEmbedder:
    """Vectors of a pretrained model.

    Args:
        model: its name on the hub, or a folder.
        max_tokens: of a text that are read.

    Attributes:
        pooling: mean or cls, the first token's vector.
        weights: SHA-256 of the model's, by which it is known again.

    Raises:
        ParameterError: the library is not installed, there is no such model, or it pools in another way.
    """

    kind: ClassVar[str] = "hub"

    def __init__(self, model: str, max_tokens: int) -> None:
        library = import_optional("transformers", "hub", "embeddings of models of the hub")
        self.name, self.max_tokens = model, max_tokens
        try:
            self.tokenizer = library.AutoTokenizer.from_pretrained(model, trust_remote_code=False)
            self.model = library.AutoModel.from_pretrained(model, trust_remote_code=False, use_safetensors=True).eval()
        except (OSError, ValueError, SafetensorError) as error:
            raise ParameterError(
                f"texts.hub.model: expected a model of the hub with safetensors, or a folder of one, got {model!r}:"
                f" {' '.join(str(error).split())[:300]}"
            ) from None
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.dim = int(self.model.config.hidden_size)
        self.pooling = _pooling(library, model)
        self.weights = _hashed(self.model.state_dict())

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (N, dim) float32 of N texts."""
        found = [np.zeros((0, self.dim), np.float32)]
        for begin in range(0, len(texts), TEXTS_AT_ONCE):
            found.append(self._embed([text or " " for text in texts[begin : begin + TEXTS_AT_ONCE]]))
        return np.asarray(normalize(np.concatenate(found)), np.float32) if len(texts) else found[0]

    def _embed(self, texts: list[str]) -> np.ndarray:
        import torch  # here, since stages that only read vectors know this module too

        tokens = self.tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=self.max_tokens)
        mask = tokens["attention_mask"][..., None]
        with torch.inference_mode():
            layer = self.model(**tokens).last_hidden_state
        if self.pooling == FIRST:
            first: np.ndarray = layer[torch.arange(len(texts)), tokens["attention_mask"].argmax(1)].numpy()
            return first
        means: np.ndarray = ((layer * mask).sum(1) / mask.sum(1).clamp(min=1)).numpy()
        return means

    def describe(self) -> dict[str, Any]:
        """The model's name and the hash of its weights, how it pools, and how much is read."""
        return {"model": self.name, "max_tokens": self.max_tokens, "pooling": self.pooling, "weights": self.weights}

    def tensors(self) -> dict[str, np.ndarray]:
        """None: they lie where the library keeps them."""
        return {}

    @classmethod
    def rebuild(cls, described: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Self:
        """What `describe` was told of.

        Raises:
            DataError: the model of that name is another now.
        """
        rebuilt = cls(str(described["model"]), int(described["max_tokens"]))
        for name, found in (("pooling", rebuilt.pooling), ("weights", rebuilt.weights)):
            if described[name] != found:
                raise DataError(
                    f"{rebuilt.name}: expected the model that vectors were made with, {name} {described[name]}, got {found}"
                )
        return rebuilt


def _pooling(library: Any, model: str) -> str:
    """How a model of sentence-transformers pools; the mean where it does not say so."""
    try:
        path = Path(str(library.utils.cached_file(model, POOLING)))
    except OSError:  # as the library says that there is no such file
        return MEAN
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        named = content.get("pooling_mode")
        flags = [key.removeprefix(FLAG) for key, value in content.items() if value is True and key.startswith(FLAG)]
    except (ValueError, AttributeError) as error:
        raise ParameterError(f"texts.hub.model: {model}: {POOLING}: expected a JSON object, got: {error}") from None
    modes = [named] if named is not None else flags
    if len(modes) != 1 or modes[0] not in WAYS:
        raise ParameterError(
            f"texts.hub.model: {model}: {POOLING}: expected one of mean and cls, got {', '.join(map(str, modes)) or 'none'}"
        )
    return WAYS[modes[0]]


def _hashed(tensors: Mapping[str, Any]) -> str:
    """SHA-256 of tensors' names, kinds, shapes and numbers."""
    import torch

    total = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()
