"""Hugging Face's DecisionTransformerModel learns to act for a return, and acts for one, greedily: returns by seed.

It comes without a loop for either. Training follows kzl's (AdamW, linear warm-up, clipping), but by cross-entropy, since actions
are choices; so does acting, but that all episodes are played side by side.

B rows, L steps of the context so far, S state, A actions.
"""

import argparse
import json
import time

import gymnasium
import numpy as np
import torch
from torch.nn import functional
from transformers import DecisionTransformerConfig, DecisionTransformerModel

from benchmarks.peers.demonstrations import read
from benchmarks.peers.learning import arguments
from benchmarks.peers.transformers_training import NUM_ACTIONS, Loader

STATE_DIM, MAX_STEPS = 8, 1000


def make_model(settings: dict) -> DecisionTransformerModel:
    """kzl's, with logits for choices."""
    config = DecisionTransformerConfig(
        state_dim=STATE_DIM,
        act_dim=NUM_ACTIONS,
        hidden_size=settings["embed_dim"],
        n_layer=settings["num_layers"],
        n_head=settings["num_heads"],
        activation_function="relu",
        max_ep_len=MAX_STEPS,
        action_tanh=False,
        resid_pdrop=settings["dropout"],
        embd_pdrop=settings["dropout"],
        attn_pdrop=settings["dropout"],
    )
    return DecisionTransformerModel(config)


def learn(model: DecisionTransformerModel, loader: Loader, settings: dict) -> None:
    """Steps of the optimizer, with a constant rate after the warm-up."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), settings["learning_rate"], weight_decay=settings["weight_decay"])
    warmup = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / settings["warmup_steps"], 1))
    for _ in range(settings["steps"]):
        batch = loader.batch()
        labels = batch.pop("labels")
        counted = batch["attention_mask"].bool()
        loss = functional.cross_entropy(model(**batch).action_preds[counted], labels[counted])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings["max_grad_norm"])
        optimizer.step()
        warmup.step()


@torch.no_grad()
def play(
    model: DecisionTransformerModel, loader: Loader, settings: dict, target_return: float, seeds: range
) -> np.ndarray:
    """The return (B,) of each seed's episode; all rows are at the same step, and one that has ended leaves."""
    model.eval()
    environments = [gymnasium.make("LunarLander-v3", disable_env_checker=True) for _ in seeds]
    observations = [each.reset(seed=seed)[0] for each, seed in zip(environments, seeds, strict=True)]
    rows, totals, context = np.arange(len(seeds)), np.zeros(len(seeds)), settings["context"]
    states, actions = torch.zeros(len(rows), 0, STATE_DIM), torch.zeros(len(rows), 0, NUM_ACTIONS)
    returns_to_go = torch.zeros(len(rows), 0, 1)
    for step in range(MAX_STEPS):
        state = torch.from_numpy(loader.normalise(np.stack(observations)))
        to_go = torch.from_numpy((target_return - totals[rows]) / settings["return_scale"]).float()
        states = torch.cat([states, state[:, None]], dim=1)[:, -context:]  # (B, L, S)
        returns_to_go = torch.cat([returns_to_go, to_go[:, None, None]], dim=1)[:, -context:]  # (B, L, 1)
        actions = torch.cat([actions, torch.zeros(len(rows), 1, NUM_ACTIONS)], dim=1)[:, -context:]  # (B, L, A)
        length = states.shape[1]
        timesteps = torch.arange(step + 1 - length, step + 1).expand(len(rows), length)
        preds = model(states=states, actions=actions, returns_to_go=returns_to_go, timesteps=timesteps).action_preds
        chosen = preds[:, -1].argmax(-1)
        actions[:, -1] = functional.one_hot(chosen, NUM_ACTIONS).float()
        moved = [environments[row].step(action) for row, action in zip(rows, chosen.tolist(), strict=True)]
        totals[rows] += [float(reward) for _, reward, *_ in moved]
        going = np.asarray([not (terminated or truncated) for _, _, terminated, truncated, _ in moved])
        observations = [each[0] for each, goes in zip(moved, going, strict=True) if goes]
        rows, states, actions, returns_to_go = rows[going], states[going], actions[going], returns_to_go[going]
        if not len(rows):
            return totals
    raise RuntimeError(f"expected episodes of at most {MAX_STEPS} steps, got {len(rows)} longer ones")


def main() -> None:
    given = arguments(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    )
    settings = given.hyperparameters
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    demonstrations = read(given.raw, given.seeds)
    loader = Loader(demonstrations, settings["batch_size"], settings["context"], settings["return_scale"], given.seed)
    model = make_model(settings)
    begun = time.perf_counter()
    learn(model, loader, settings)
    learned = time.perf_counter()
    seeds = range(given.first_seed, given.first_seed + given.episodes)
    returns = play(model, loader, settings, given.target_return, seeds)
    figures = {"seeds": list(seeds), "returns": [returns.tolist()]}
    print(json.dumps(figures | {"training_seconds": learned - begun, "playing_seconds": time.perf_counter() - learned}))


if __name__ == "__main__":
    main()
