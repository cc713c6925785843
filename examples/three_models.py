"""The three sequence models on random batches: what goes in, what comes out.

Run from the root of the repository: python examples/three_models.py
B = 4 rows, T = 10 steps, N = 3 agents.
"""

import torch

from understudy.models.action_transformer import ActionTransformer
from understudy.models.hierarchical import HierarchicalTransformer
from understudy.models.multi_agent import MultiAgentTransformer

SIZES = {"state_dim": 8, "embed_dim": 64, "num_layers": 2, "num_heads": 4, "hidden_dim": 128, "max_seq_len": 64}


def main() -> None:
    torch.manual_seed(0)
    seq_lens = torch.tensor([10, 7, 3, 1])  # rows are padded on the right

    decoder = ActionTransformer(**SIZES, action_dim=4, discrete_actions=True)
    states, choices = torch.randn(4, 10, 8), torch.randint(4, (4, 10))
    action_preds, values = decoder(states, choices, seq_lens)
    print("ActionTransformer, choices:", tuple(action_preds.shape), tuple(values.shape))

    continuous = ActionTransformer(**SIZES, action_dim=2, discrete_actions=False, context=5)
    vectors = 2 * torch.rand(4, 10, 2) - 1  # entries between -1 and 1
    action_preds, values = continuous(states, vectors, seq_lens)
    print("ActionTransformer, vectors:", tuple(action_preds.shape), tuple(values.shape))

    hierarchical = HierarchicalTransformer(**SIZES, action_dim=4, discrete_actions=True, num_options=5)
    options = torch.randint(5, (4,))  # one for a whole row, or (4, 10) for one a step
    option_preds, action_preds, term_preds = hierarchical(states, choices, options, seq_lens)
    shapes = [tuple(output.shape) for output in (option_preds, action_preds, term_preds)]
    print("HierarchicalTransformer:", *shapes)

    agents = MultiAgentTransformer(**SIZES, action_dim=4, discrete_actions=True, max_num_agents=6)
    action_preds, values, features = agents(
        states=torch.randn(4, 3, 10, 8),
        agent_ids=torch.tensor([0, 2, 5]).expand(4, 3),
        actions=torch.randint(4, (4, 3, 10)),
        seq_lens=torch.full((4, 3), 10),
        agent_mask=torch.ones(4, 3, dtype=torch.bool),
    )
    shapes = [tuple(output.shape) for output in (action_preds, values, features)]
    print("MultiAgentTransformer:", *shapes)

    maps = decoder.attention_maps(states, choices, seq_lens)
    last = maps.layers[-1][0, 0, -2]  # the token of row 0's last state, in head 0 of the last layer
    most = int(last.argmax())
    print(f"its last state looks most at the {maps.modalities[most]} of step {int(maps.steps[most])}")


if __name__ == "__main__":
    main()
