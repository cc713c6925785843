"""Texts by any transformers model: the mean of its last layer over a text's tokens.

Models of sentence-transformers are such, too; so is GPT-2. A name is looked up on the hub unless it is a folder or is cached.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.preprocessing import normalize

from understudy.sources.optional import import_optional

TEXTS_AT_ONCE = 32


class HubEmbedder:
    """Vectors of a pretrained model.

    Args:
        model: its name on the hub, or a folder. max_tokens: of a text that are read.

    Raises:
        ParameterError: the library is not installed.
    """

    kind: ClassVar[str] = "hub"

    def __init__(self, model: str, max_tokens: int) -> None:
        library = import_optional("transformers", "hub", "embeddings of models of the hub")
        self.name, self.max_tokens = model, max_tokens
        self.tokenizer = library.AutoTokenizer.from_pretrained(model, trust_remote_code=False)
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = library.AutoModel.from_pretrained(model, trust_remote_code=False, use_safetensors=True).eval()
        self.dim = int(self.model.config.hidden_size)

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
            layer = self.model(**tokens).last_hidden_state * mask
        means: np.ndarray = (layer.sum(1) / mask.sum(1).clamp(min=1)).numpy()
        return means

    def describe(self) -> dict[str, Any]:
        """The model's name, and how much is read."""
        return {"model": self.name, "max_tokens": self.max_tokens}

    def tensors(self) -> dict[str, np.ndarray]:
        """None: they lie where the library keeps them."""
        return {}

    @classmethod
    def rebuild(cls, described: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Self:
        """What `describe` was told of."""
        return cls(str(described["model"]), int(described["max_tokens"]))
