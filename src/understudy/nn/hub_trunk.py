"""Any causal model of the transformers library in the trunk's place; the tokens stay those of this project.

build_hub_trunk(backbone, embed_dim, ...) -- by `hub:NAME`, with its weights, or `hub_config:NAME`, without
HubTrunk                                  -- passes over whole rows, and over the newest tokens alone
HubCache                                  -- the library's cache, of which rows begin again and leave

B rows, L tokens of a row, N tokens in the cache, D width.
"""

import inspect
from typing import Any, Self

import torch
from torch import Tensor, nn

from understudy.sources.optional import import_optional

TRUNK, WEIGHTS, CONFIGURATION = "trunk", "hub:", "hub_config:"
PROBED, PROBE_TOLERANCE = 4, 1e-4  # tokens, and what rounding may change


class HubCache:
    """Keys and values of the tokens so far.

    Args:
        kind: the library's class.
        num_rows: B.

    Attributes:
        valid: (B, N) bool, tokens of the row's present episode.
    """

    def __init__(self, kind: type[Any], num_rows: int) -> None:
        self.kind = kind
        self.valid: Tensor
        self._begin(torch.zeros(num_rows, 0, dtype=torch.bool))

    def reset(self, rows: Tensor) -> None:
        """Forget everything of `rows` (R,) int64; where all rows do, the cache begins anew."""
        self.valid = self.valid.index_fill(0, rows, False)
        if not self.valid.any():
            self._begin(self.valid[:, :0])

    def keep(self, rows: Tensor) -> None:
        """Go on with `rows` (R,) int64 alone, in that order."""
        self.valid = self.valid[rows]
        self.layers.batch_select_indices(rows)

    def _begin(self, valid: Tensor) -> None:
        self.valid, self.layers = valid, self.kind()


class HubTrunk(nn.Module):
    """A causal model of the library, whose features are those of its last layer.

    Args:
        model: of the library, without a head.
        cache_kind: its class of caches that grow.
        context: tokens of a row at most.
    """

    def __init__(self, model: Any, cache_kind: type[Any], context: int) -> None:
        super().__init__()
        self.cache_kind, self.context, self.embed_dim = cache_kind, context, int(model.config.hidden_size)
        model.set_input_embeddings(
            nn.Identity()
        )  # tokens are embedded before, and a vocabulary would be saved for nothing
        self.model = model.eval()
        names = inspect.signature(model.forward).parameters
        self.cache_argument = "cache" if "cache" in names else "past_key_values"  # as it was called before

    def train(self, mode: bool = True) -> Self:
        """Its dropout draws from a global generator, and so stays off."""
        super().train(mode)
        self.model.eval()
        return self

    def forward(self, tokens: Tensor) -> Tensor:
        """Features (B, L, D) of tokens (B, L, D), each of which sees those before it."""
        places = torch.arange(tokens.shape[1], device=tokens.device).expand(len(tokens), -1)
        seen = torch.ones_like(places)
        found = self.model(inputs_embeds=tokens, attention_mask=seen, position_ids=places, use_cache=False)
        features: Tensor = found.last_hidden_state
        return features

    def new_cache(self, num_rows: int) -> HubCache:
        """An empty cache."""
        return HubCache(self.cache_kind, num_rows)

    def decode_step(self, tokens: Tensor, cache: HubCache) -> Tensor:
        """Features (B, D) of the newest tokens (B, D), which join the cache.

        Raises:
            ValueError: a row is longer than the context.
        """
        places = cache.valid.sum(1, keepdim=True)
        if int(places.max()) >= self.context:
            raise ValueError(f"context: expected texts of at most {self.context} steps, got a longer one")
        cache.valid = torch.cat([cache.valid, torch.ones_like(places, dtype=torch.bool)], dim=1)
        arguments = {self.cache_argument: cache.layers, "attention_mask": cache.valid.long(), "position_ids": places}
        found = self.model(inputs_embeds=tokens[:, None], use_cache=True, **arguments)
        features: Tensor = found.last_hidden_state[:, 0]
        return features

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """It multiplies in float32."""


def build_hub_trunk(backbone: str, embed_dim: int, context: int, longest_row: int) -> HubTrunk:
    """The model that a backbone names, on the hub or in a folder.

    Args:
        backbone: hub:NAME or hub_config:NAME.
        embed_dim: D.
        context: tokens of a text at most, at play.
        longest_row: tokens of a row at most, in training.

    Raises:
        ValueError: there is no such backbone, it is of another width, its rows are shorter, or it cannot look back alone.
        ParameterError: the library is not installed.
    """
    kind, _, name = backbone.partition(":")
    if f"{kind}:" not in (WEIGHTS, CONFIGURATION) or not name:
        raise ValueError(f"backbone: expected {TRUNK}, {WEIGHTS}NAME or {CONFIGURATION}NAME, got {backbone!r}")
    library = import_optional("transformers", "hub", "backbone: models of the hub")
    try:
        config = library.AutoConfig.from_pretrained(name, trust_remote_code=False)
        config.is_decoder = True  # of models that look both ways: look back alone
        if f"{kind}:" == WEIGHTS:
            model = library.AutoModel.from_pretrained(
                name, config=config, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
            )
        else:
            model = library.AutoModel.from_config(config, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"backbone: expected a model of the hub or its folder, got {backbone!r}: {_first_line(error)}"
        ) from None
    _check_fits(config, backbone, embed_dim, context, longest_row)
    try:
        trunk = HubTrunk(model, library.DynamicCache, context)
        looks_back_alone = _looks_back_alone(trunk, min(PROBED, context))
    except (
        AttributeError,
        TypeError,
        RuntimeError,
    ):  # it takes images or sound, or tokens of another width than its own
        raise _no_model_of_text(backbone) from None
    if not looks_back_alone:
        raise _no_model_of_text(backbone)
    return trunk


def _check_fits(config: Any, backbone: str, embed_dim: int, context: int, longest_row: int) -> None:
    """Raise a ValueError where a model of this configuration is no trunk of such a width, context and length of rows."""
    if not hasattr(config, "hidden_size"):  # a model of images, or of several parts
        raise _no_model_of_text(backbone)
    if config.hidden_size != embed_dim:
        raise ValueError(f"embed_dim: expected {config.hidden_size}, the width of {backbone}, got {embed_dim}")
    most = getattr(config, "max_position_embeddings", max(context, longest_row))
    if most < context:
        raise ValueError(f"context: expected at most {most} steps, as {backbone} takes, got {context}")
    if most < longest_row:
        raise ValueError(
            f"max_seq_len: expected rows of at most {most} steps, as {backbone} takes, got up to {longest_row}"
        )
    if config.is_encoder_decoder:
        raise ValueError(f"backbone: expected one transformer, got {backbone!r}, which is an encoder and a decoder")


def _no_model_of_text(backbone: str) -> ValueError:
    return ValueError(
        "backbone: expected a model whose tokens can see those before them alone, step by step as in a row, such as gpt2,"
        f" llama or bert, got {backbone!r}"
    )


@torch.no_grad()
def _looks_back_alone(trunk: HubTrunk, length: int) -> bool:
    """Whether later tokens change nothing, and steps give what a row does: many masked models ignore is_decoder."""
    tokens = torch.randn(2, length, trunk.embed_dim, generator=torch.Generator().manual_seed(0))
    row, cache = trunk(tokens), trunk.new_cache(2)
    steps = torch.stack([trunk.decode_step(token, cache) for token in tokens.unbind(1)], dim=1)
    return all(
        torch.allclose(found, row[:, : found.shape[1]], atol=PROBE_TOLERANCE, rtol=PROBE_TOLERANCE)
        for found in (trunk(tokens[:, :-1]), steps)
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
