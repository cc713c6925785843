"""Several agents, one of them inactive: its inputs change nothing. Then the same agents play, step by step.

Run from the root of the repository: python examples/multi_agent.py
"""

import torch

from understudy.losses.action_losses import ActionPredictionLoss
from understudy.models.multi_agent import MultiAgentTransformer
from understudy.step import Step
from understudy.utils.masking import create_padding_mask

ROWS, AGENTS, STEPS = 2, 3, 8


def main() -> None:
    torch.manual_seed(0)
    model = MultiAgentTransformer(
        5, 4, 32, 2, 2, 64, STEPS, discrete_actions=True, max_num_agents=4, num_agents=AGENTS
    ).eval()
    states, actions = torch.randn(ROWS, AGENTS, STEPS, 5), torch.randint(4, (ROWS, AGENTS, STEPS))
    agent_ids = torch.arange(AGENTS).expand(ROWS, AGENTS)
    seq_lens = torch.tensor([[8, 8, 5], [8, 8, 1]])  # agents may leave before the others
    agent_mask = torch.tensor([[True, True, True], [True, False, True]])
    action_preds, values, _ = model(states, agent_ids, actions, seq_lens, agent_mask)

    others = states.clone()
    others[1, 1] = 1000.0
    same = torch.equal(model(others, agent_ids, actions, seq_lens, agent_mask)[0], action_preds)
    print("other states of the inactive agent leave every prediction as it was:", same)

    mask = create_padding_mask(seq_lens.flatten(), STEPS).view(ROWS, AGENTS, STEPS) & agent_mask[..., None]
    loss = ActionPredictionLoss(discrete_actions=True)
    action_loss = loss.discrete_action_loss(action_preds, actions, mask)
    value_loss = loss.value_loss(values, torch.zeros(ROWS, AGENTS, STEPS), mask)
    print(f"losses over {int(mask.sum())} steps: action {action_loss:.3f}, value {value_loss:.3f}")

    # A row an agent, environment after environment; agents decide in turn, each seeing what those before it decided.
    memory = model.begin(ROWS * AGENTS)
    memory.tensors["absent"] = ~agent_mask.flatten()
    decided, rewards = torch.zeros(ROWS * AGENTS, dtype=torch.int64), torch.zeros(ROWS * AGENTS)
    with torch.inference_mode():
        for t in range(3):
            is_first = torch.full((ROWS * AGENTS,), t == 0)
            step = Step(states[:, :, t].flatten(0, 1), decided, rewards, is_first)
            decided = model.act(memory, step).actions
            print(f"step {t}: {decided.view(ROWS, AGENTS).tolist()}")


if __name__ == "__main__":
    main()
