"""The transformer that all sequence families share.

B rows, L tokens, D width.
"""

from torch import Tensor, nn

from understudy.nn.attention import Rotation, WindowedAttention, as_bias, rotary_angles, window_mask
from understudy.nn.cache import Cache, LayerCache
from understudy.nn.heads import MOST_LAYERS


class Block(nn.Module):
    """Pre-norm transformer block: attention, then a feed-forward layer of width `hidden_dim`."""

    def __init__(self, embed_dim: int, num_heads: int, hidden_dim: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(embed_dim)
        self.attention = WindowedAttention(embed_dim, num_heads)
        self.feed_forward_norm = nn.LayerNorm(embed_dim)
        self.feed_forward = nn.Sequential(nn.Linear(embed_dim, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, embed_dim))

    def forward(self, x: Tensor, rotation: Rotation, bias: Tensor, cache: LayerCache | None = None) -> Tensor:
        x = x + self.attention(self.attention_norm(x), rotation, bias, cache)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Trunk(nn.Module):
    """Blocks over a stream of tokens, each of which belongs to an environment step and sees the last `context` steps.

    `forward` passes over whole rows, `advance` over the newest tokens alone; both give the same hidden states.
    """

    def __init__(self, embed_dim: int, num_layers: int, num_heads: int, hidden_dim: int, context: int) -> None:
        super().__init__()
        if context < 1:
            raise ValueError(f"context: expected at least 1 step, got {context}")
        if num_layers < 1 or num_heads < 1:
            raise ValueError(f"num_layers, num_heads: expected at least 1 each, got {num_layers} and {num_heads}")
        if num_layers > MOST_LAYERS:
            raise ValueError(f"num_layers: expected at most {MOST_LAYERS}, got {num_layers}")
        if embed_dim < 1 or hidden_dim < 1:
            raise ValueError(f"embed_dim, hidden_dim: expected at least 1 each, got {embed_dim} and {hidden_dim}")
        self.embed_dim, self.num_heads, self.context = embed_dim, num_heads, context
        self.blocks = nn.ModuleList([Block(embed_dim, num_heads, hidden_dim) for _ in range(num_layers)])
        self.norm = nn.LayerNorm(embed_dim)

    @property
    def head_dim(self) -> int:
        """Width of an attention head."""
        return self.embed_dim // self.num_heads

    def forward(self, tokens: Tensor, steps: Tensor) -> Tensor:
        """Hidden states (B, L, D) of tokens (B, L, D) that belong to steps (L,), in order."""
        return self._blocks(tokens, steps, window_mask(steps, self.context), None)

    def advance(self, tokens: Tensor, steps: Tensor, cache: Cache) -> Tensor:
        """Hidden states (B, L, D) of the newest tokens (B, L, D) of steps (B, L), which join the cache."""
        layers, allowed = cache.begin_pass(steps)
        return self._blocks(tokens, steps, allowed, layers)

    def new_cache(self, num_rows: int, tokens_per_step: int) -> Cache:
        """An empty cache for `num_rows` rows."""
        return Cache(
            num_rows,
            num_layers=len(self.blocks),
            num_heads=self.num_heads,
            head_dim=self.head_dim,
            context=self.context,
            tokens_per_step=tokens_per_step,
        )

    def _blocks(self, x: Tensor, steps: Tensor, allowed: Tensor, layers: list[LayerCache] | None) -> Tensor:
        rotation, bias = rotary_angles(steps, self.head_dim), as_bias(allowed)
        for index, block in enumerate(self.blocks):
            x = block(x, rotation, bias, None if layers is None else layers[index])
        return self.norm(x)
