"""A hierarchical policy with a loss each for actions, options and terminations, and the options that it then follows.

Run from the root of the repository: python examples/hierarchical.py
The demonstrator follows one option for six steps and another for the next six, and does its number. Which one comes next
is written in the first entries of the state.
"""

import torch

from understudy.models.hierarchical import HierarchicalTransformer
from understudy.sequences.batch import Batch
from understudy.utils.masking import create_padding_mask

ROWS, STEPS, OPTIONS, HELD, BATCHES = 32, 12, 3, 6, 120


def draw_demonstrations() -> Batch:
    drawn = torch.randint(OPTIONS, (ROWS, STEPS // HELD)).repeat_interleave(HELD, dim=1)
    states = torch.cat([torch.eye(OPTIONS)[drawn], torch.randn(ROWS, STEPS, 2)], dim=-1)
    begins = (torch.arange(STEPS) % HELD == 0).expand(ROWS, STEPS)
    seq_lens = torch.randint(HELD, STEPS + 1, (ROWS,))
    mask = create_padding_mask(seq_lens, STEPS)
    return Batch(
        states=states,
        actions=drawn,
        labels=drawn,
        returns_to_go=torch.zeros(ROWS, STEPS),
        seq_lens=seq_lens,
        mask=mask,
        value_mask=mask,
        options=drawn,
        terminations=begins,
    )


def main() -> None:
    torch.set_num_threads(1)  # tensors this small gain nothing from more
    torch.manual_seed(0)
    model = HierarchicalTransformer(OPTIONS + 2, OPTIONS, 32, 2, 2, 64, STEPS, True, OPTIONS)
    optimizer, generator = torch.optim.AdamW(model.parameters(), lr=3e-3), torch.Generator()
    for batch in range(1, BATCHES + 1):
        terms, _ = model.losses(draw_demonstrations(), generator)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
        if batch % 40 == 0:
            print(f"batch {batch}:", ", ".join(f"{name} {float(term.detach()):.3f}" for name, term in terms.items()))

    demonstrated, memory, followed = draw_demonstrations(), model.eval().new_state(1), []
    with torch.inference_mode():
        for step in range(STEPS):
            preds, _ = model.step(memory, demonstrated.states[:1, step])
            model.acted(memory, preds.argmax(-1))
            followed.append(int(memory.memory["option"]))
    print("demonstrated options:", demonstrated.options[0].tolist())
    print("followed options:    ", followed)


if __name__ == "__main__":
    main()
