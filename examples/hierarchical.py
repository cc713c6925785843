"""A hierarchical policy with a loss each for actions, options and terminations, and the options that it then follows.

Run from the root of the repository: python examples/hierarchical.py
The demonstrator follows one option for six steps and another for the next six, and does its number. Which one comes next
is written in the first entries of the state.
"""

import torch

from understudy.models.hierarchical import HierarchicalTransformer
from understudy.sequences.batch import Batch
from understudy.step import Step
from understudy.utils.masking import create_padding_mask

ROWS, STEPS, OPTIONS, DURATION, BATCHES = 32, 12, 3, 6, 120


def draw_demonstrations() -> Batch:
    drawn = torch.randint(OPTIONS, (ROWS, STEPS // DURATION)).repeat_interleave(DURATION, dim=1)
    states = torch.cat([torch.eye(OPTIONS)[drawn], torch.randn(ROWS, STEPS, 2)], dim=-1)
    begins = (torch.arange(STEPS) % DURATION == 0).expand(ROWS, STEPS)
    seq_lens = torch.randint(DURATION, STEPS + 1, (ROWS,))
    mask = create_padding_mask(seq_lens, STEPS)
    columns = {
        "observation": states,
        "action": drawn,
        "label": drawn,
        "return_to_go": torch.zeros(ROWS, STEPS),
        "option": drawn,
        "termination": begins,
    }
    return Batch(columns, seq_lens, mask, value_mask=mask)


def main() -> None:
    torch.set_num_threads(1)  # tensors this small gain nothing from more
    torch.manual_seed(0)
    model = HierarchicalTransformer(OPTIONS + 2, OPTIONS, 32, 2, 2, 64, STEPS, True, OPTIONS)
    optimizer, generator = torch.optim.AdamW(model.parameters(), lr=3e-3), torch.Generator()
    for batch in range(1, BATCHES + 1):
        losses = model.losses(draw_demonstrations(), generator)
        optimizer.zero_grad()
        losses.objective().backward()
        optimizer.step()
        if batch % 40 == 0:
            terms = (f"{name} {float(term.mean.detach()):.3f}" for name, term in losses.terms.items())
            print(f"batch {batch}:", ", ".join(terms))

    demonstrated, memory, followed = draw_demonstrations(), model.eval().begin(1), []
    actions = torch.zeros(1, dtype=torch.int64)  # none before the first step
    with torch.inference_mode():
        for t in range(STEPS):
            step = Step(demonstrated["observation"][:1, t], actions, torch.zeros(1), torch.tensor([t == 0]))
            decision = model.act(memory, step)
            actions = decision.actions
            followed.append(int(decision.options))
    print("demonstrated options:", demonstrated["option"][0].tolist())
    print("followed options:    ", followed)


if __name__ == "__main__":
    main()
