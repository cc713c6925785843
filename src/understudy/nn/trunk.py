"""The transformer that all sequence families share.

B rows, T steps, L tokens, Q of them queries, D width, H heads.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from understudy.nn.attention import (
    LayerCache,
    WindowedAttention,
    as_bias,
    one_token_a_step,
    rotary_angles,
    visible_mask,
    window_bands,
)
from understudy.nn.beam_cache import BeamCache
from understudy.nn.cache import KVCache
from understudy.nn.dot_product import Band
from understudy.nn.heads import MOST_LAYERS
from understudy.nn.linear_attention import LinearAttention, LinearCache, whole_row
from understudy.nn.prompts import LayerPrompt
from understudy.nn.running_sums import BeamSums, SumsCache

Attention = Literal["softmax", "performer", "elu"]


class Block(nn.Module):
    """Pre-norm transformer block: attention, then a feed-forward layer.

    Args:
        embed_dim: D.
        num_heads: of the attention's queries.
        hidden_dim: width of the feed-forward layer.
        num_kv_heads: heads of keys and values; None for num_heads.
        attention: "softmax", within a window; or linear, over the whole row: "performer" by random features, "elu" by elu.
        num_random_features: of a head under "performer"; no other kind reads them.
        head_dim: width of a head; None for embed_dim / num_heads.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        hidden_dim: int,
        num_kv_heads: int | None = None,
        attention: Attention = "softmax",
        num_random_features: int | None = None,
        head_dim: int | None = None,
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(embed_dim)
        self.attention: WindowedAttention | LinearAttention
        if attention == "softmax":
            self.attention = WindowedAttention(embed_dim, num_heads, num_kv_heads, head_dim)
        else:
            features = num_random_features if attention == "performer" else None
            self.attention = LinearAttention(embed_dim, num_heads, num_kv_heads, features, head_dim)
        self.feed_forward_norm = nn.LayerNorm(embed_dim)
        self.up_proj, self.down_proj = nn.Linear(embed_dim, hidden_dim), nn.Linear(hidden_dim, embed_dim)

    def forward(
        self, x: Tensor, rotation: Tensor, bands: list[Band], cache: LayerCache | LinearCache | None = None
    ) -> Tensor:
        """The tokens (B, Q, D) that the bands name as queries.

        Args:
            x: (B, L, D), the tokens.
            rotation: complex64, the angles of the tokens' steps.
            bands: which tokens are queries, and which keys each sees.
            cache: which the tokens join, and whose keys and values the bands then name; None for the tokens' own.
        """
        queried = x[:, bands[0].queries.start : bands[-1].queries.stop : bands[0].queries.step]  # (B, Q, D)
        x = queried + self.attention(self.attention_norm(x), rotation, bands, cache)
        normed = self.feed_forward_norm(x).to(self.up_proj.weight.dtype)
        return x + self.down_proj(functional.gelu(self.up_proj(normed)))


class Trunk(nn.Module):
    """Blocks over a stream of tokens, each of which belongs to an environment step and sees the last `context` steps.

    `forward` passes over whole rows, `decode_step` over the newest tokens alone; both give the same features.

    Args:
        embed_dim: D.
        num_layers: how many blocks there are.
        num_heads: H, of the attention's queries.
        hidden_dim: width of the feed-forward layers.
        context: steps that a token sees, its own counted; None for all, as it is under linear attention.
        num_kv_heads: heads of keys and values; None for H.
        gradient_checkpointing: whether a training pass keeps each block's input alone and computes the rest once more for the
            gradients.
        attention: as of a Block.
        num_random_features: as of a Block.
        head_dim: width of an attention head; None for embed_dim / H.

    Raises:
        ValueError: a size is below 1, there are more than 1000 layers, heads cannot share embed_dim or keys evenly, are
            of odd width, there is no such attention, or it has no window for a context or needs one.
    """

    frequencies: Tensor

    def __init__(
        self,
        embed_dim: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        context: int | None,
        num_kv_heads: int | None = None,
        gradient_checkpointing: bool = False,
        attention: Attention = "softmax",
        num_random_features: int | None = None,
        head_dim: int | None = None,
    ) -> None:
        super().__init__()
        check_attention(attention, context, num_random_features)
        if num_layers < 1 or num_heads < 1:
            raise ValueError(f"num_layers, num_heads: expected at least 1 each, got {num_layers} and {num_heads}")
        if num_layers > MOST_LAYERS:
            raise ValueError(f"num_layers: expected at most {MOST_LAYERS}, got {num_layers}")
        if embed_dim < 1 or hidden_dim < 1:
            raise ValueError(f"embed_dim, hidden_dim: expected at least 1 each, got {embed_dim} and {hidden_dim}")
        self.embed_dim, self.num_heads, self.context = embed_dim, num_heads, context
        self.gradient_checkpointing = gradient_checkpointing
        blocks = [
            Block(embed_dim, num_heads, hidden_dim, num_kv_heads, attention, num_random_features, head_dim)
            for _ in range(num_layers)
        ]
        self.head_dim = blocks[0].attention.head_dim
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(embed_dim)
        self.register_buffer("frequencies", blocks[0].attention.frequencies(), persistent=False)

    def forward(
        self,
        tokens: Tensor,
        steps: Tensor,
        tokens_per_step: int,
        real: Tensor | None = None,
        *,
        token: int | None = None,
        prompts: Sequence[LayerPrompt] | None = None,
    ) -> Tensor:
        """Features (B, L, D) of a row's tokens.

        Args:
            tokens: (B, L, D), of steps in ascending order.
            steps: (L,) int64, the step of each token.
            tokens_per_step: how many tokens each step has.
            real: (B, L) bool, marks the tokens that exist; None where all do.
            token: which of a step's tokens is asked for; the last block then leaves out the others, and (B, T, D) comes back.
            prompts: of each layer, which all tokens see.
        """
        rotation = rotary_angles(steps, self.frequencies)
        bands = self._bands(steps, tokens_per_step, real)
        last = bands if token is None else one_token_a_step(bands, token, tokens_per_step)
        x = tokens
        of_layers: Sequence[LayerPrompt | None] = prompts or [None] * len(self.blocks)
        for block, prompt in zip(self.blocks, of_layers, strict=True):
            asked = last if block is self.blocks[-1] else bands
            if self.gradient_checkpointing and torch.is_grad_enabled():
                x = checkpoint(block, x, rotation, asked, prompt, use_reentrant=False, preserve_rng_state=False)
            else:
                x = block(x, rotation, asked, prompt)
        return self.norm(x)

    def attention_maps(
        self, tokens: Tensor, steps: Tensor, tokens_per_step: int, real: Tensor | None = None
    ) -> list[Tensor]:
        """Each layer's attention weights (B, H, L, L) in `forward`; for looking at, since they are quadratic in L."""
        rotation = rotary_angles(steps, self.frequencies)
        bands = self._bands(steps, tokens_per_step, real)
        bias = as_bias(visible_mask(steps, self.context, real))
        x, maps = tokens, []
        for block in self.blocks:
            assert isinstance(block, Block)
            maps.append(block.attention.weights(block.attention_norm(x), rotation, bias))
            x = block(x, rotation, bands)
        return maps

    def decode_step(
        self,
        tokens: Tensor,
        step_offsets: Sequence[int],
        cache: KVCache | SumsCache,
        exists: Tensor | None = None,
        in_order: bool = False,
    ) -> Tensor:
        """Features (B, D) of the last of the newest tokens.

        Args:
            tokens: (B, L, D), all of which join the cache.
            step_offsets: how many steps before the present one each token belongs to.
            cache: of the tokens so far.
            exists: (B, L) bool, marks the tokens that exist; None where all do that are not of a step before the row's episode.
            in_order: for several tokens of one step, of which each sees those before it alone.
        """
        clock, allowed = cache.begin_pass(step_offsets, exists, in_order)
        rotation, bias = rotary_angles(clock, self.frequencies), as_bias(allowed)
        length = tokens.shape[1]
        all_tokens = [Band(slice(0, length), slice(None), bias)]
        last_token = [Band(slice(length - 1, length), slice(None), bias[..., -1:, :])]
        x = tokens
        for block, layer in zip(self.blocks, cache.layers, strict=True):
            x = block(x, rotation, last_token if block is self.blocks[-1] else all_tokens, layer)
        return self.norm(x)[:, 0]  # the last block has one query

    def decode_beams(self, tokens: Tensor, step_ahead: int, siblings: Tensor, cache: BeamCache | BeamSums) -> Tensor:
        """Features (B W, L, D) of tokens that are imagined, W beams of each row beside each other.

        Args:
            tokens: (B W, L, D), all of which join the cache.
            step_ahead: how many steps after the present one theirs is.
            siblings: (L, N + L) bool, which of a beam's own slots, N before this pass, each token may see.
            cache: of what has been imagined so far.
        """
        clock, bias = cache.begin_pass(step_ahead, siblings)
        rotation, band = rotary_angles(clock, self.frequencies), Band(slice(0, tokens.shape[1]), slice(None), bias)
        x = tokens
        for block, layer in zip(self.blocks, cache.layers, strict=True):
            x = block(x, rotation, [band], layer)
        return self.norm(x)

    def new_cache(self, num_rows: int, tokens_per_step: int, prompt_tokens: int = 0) -> KVCache | SumsCache:
        """An empty cache for `num_rows` rows: keys and values in the format of the blocks' matrices, or sums in float32.

        Under softmax attention it has room for a row's prompts.
        """
        first = self.blocks[0]
        assert isinstance(first, Block)
        sizes = {
            "num_layers": len(self.blocks),
            "num_kv_heads": first.attention.num_kv_heads,
            "head_dim": self.head_dim,
        }
        if isinstance(first.attention, LinearAttention):
            return SumsCache(num_rows, **sizes, num_features=first.attention.features.num_features)
        assert self.context is not None
        return KVCache(
            num_rows,
            **sizes,
            context=self.context,
            tokens_per_step=tokens_per_step,
            dtype=first.attention.qkv_proj.weight.dtype,
            prompt_tokens=prompt_tokens,
        )

    def new_beams(self, past: KVCache | SumsCache, capacity: int) -> BeamCache | BeamSums:
        """A cache for what is imagined after `past`, of at most `capacity` tokens a beam."""
        return BeamSums(past, capacity) if isinstance(past, SumsCache) else BeamCache(past, capacity)

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """Keep the blocks' matrices, and caches made from now on, in `dtype`; norms, softmax and the residual stay float32."""
        for module in self.blocks.modules():
            if isinstance(module, nn.Linear):
                module.to(dtype)

    def _bands(self, steps: Tensor, tokens_per_step: int, real: Tensor | None) -> list[Band]:
        """What a full pass has its layers told, all tokens being queries."""
        if self.context is None:
            return whole_row(steps, real)
        return window_bands(steps, self.context, tokens_per_step, real)


def check_attention(attention: str, context: int | None, num_random_features: int | None) -> None:
    """Raise a ValueError where there is no such attention, or it cannot have this context or these random features."""
    if attention not in get_args(Attention):
        raise ValueError(f"attention: expected one of {', '.join(get_args(Attention))}, got {attention!r}")
    if attention == "softmax":
        if context is None or context < 1:
            raise ValueError(f"context: expected at least 1 step, got {context}")
    elif context is not None:
        raise ValueError(
            f"context: expected null under attention {attention!r}, which has no window and sees all of a row, got {context}"
        )
    if attention == "performer" and (num_random_features is None or num_random_features < 1):
        raise ValueError(f"num_random_features: expected at least 1, got {num_random_features}")
