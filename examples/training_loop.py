"""A training loop of one's own: a decoder learns from action and value loss together.

Run from the root of the repository: python examples/training_loop.py
The demonstrator does what the first entry of the state two steps ago says, which no single state shows. The value to predict
is the share of the steps that remain; the second entry says how many there are, and the model has to count.
"""

import torch

from understudy.losses.action_losses import ActionPredictionLoss
from understudy.models.action_transformer import ActionTransformer
from understudy.utils.masking import create_padding_mask

ROWS, STEPS, BATCHES, VALUE_WEIGHT = 32, 12, 120, 0.5


def draw_demonstrations(generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    """States (B, T, 4), choices (B, T), returns to go (B, T) and lengths (B,)."""
    states = torch.randn(ROWS, STEPS, 4, generator=generator)
    two_ago = torch.cat([states[:, :1], states[:, :1], states[:, :-2]], dim=1)
    seq_lens = torch.randint(1, STEPS + 1, (ROWS,), generator=generator)
    states[..., 1] = (seq_lens / STEPS)[:, None]
    remaining = (seq_lens[:, None] - torch.arange(STEPS)).clamp(min=0) / STEPS
    return states, (two_ago[..., 0] > 0).long(), remaining, seq_lens


def main() -> None:
    torch.set_num_threads(1)  # tensors this small gain nothing from more
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model = ActionTransformer(4, 2, 32, 2, 2, 64, STEPS, discrete_actions=True)
    loss = ActionPredictionLoss(discrete_actions=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for batch in range(1, BATCHES + 1):
        states, actions, returns_to_go, seq_lens = draw_demonstrations(generator)
        mask = create_padding_mask(seq_lens, STEPS)
        action_preds, values = model(states, actions, seq_lens)
        action_loss = loss.discrete_action_loss(action_preds, actions, mask)
        value_loss = loss.value_loss(values, returns_to_go, mask)
        optimizer.zero_grad()
        (action_loss + VALUE_WEIGHT * value_loss).backward()
        optimizer.step()
        if batch % 40 == 0:
            right = (action_preds.argmax(-1) == actions)[mask].float().mean()
            print(f"batch {batch}: action {action_loss:.3f}, value {value_loss:.3f}, accuracy {right:.3f}")


if __name__ == "__main__":
    main()
