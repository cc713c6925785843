"""d3rlpy's DiscreteDecisionTransformer learns by its own `fit` and acts by its own stateful wrapper, greedily: returns by seed.

Returns-to-go, the rewards at the end among them, masks and the schedule of the learning rate are d3rlpy's.
"""

import argparse
import json
import time

import d3rlpy
import gymnasium
import torch
from d3rlpy.algos import DiscreteDecisionTransformer, GreedyTransformerActionSampler
from d3rlpy.logging import NoopAdapterFactory

from benchmarks.peers.d3rlpy_training import as_dataset
from benchmarks.peers.demonstrations import read
from benchmarks.peers.learning import arguments


def make_algorithm(settings: dict) -> DiscreteDecisionTransformer:
    """kzl's. The warm-up is counted in steps that are no padding, as is the cosine behind it, which falls over 30 million."""
    width, dropout = settings["embed_dim"], settings["dropout"]
    encoder = d3rlpy.models.encoders.VectorEncoderFactory(hidden_units=[width], exclude_last_activation=True)
    optimizer = d3rlpy.optimizers.AdamWFactory(
        weight_decay=settings["weight_decay"], clip_grad_norm=settings["max_grad_norm"]
    )
    config = d3rlpy.algos.DiscreteDecisionTransformerConfig(
        batch_size=settings["batch_size"],
        context_size=settings["context"],
        max_timestep=1000,
        num_layers=settings["num_layers"],
        num_heads=settings["num_heads"],
        learning_rate=settings["learning_rate"],
        warmup_tokens=settings["warmup_steps"] * settings["batch_size"] * settings["context"],
        encoder_factory=encoder,
        optim_factory=optimizer,
        activation_type="relu",
        position_encoding_type=d3rlpy.PositionEncodingType.SIMPLE,
        observation_scaler=d3rlpy.preprocessing.StandardObservationScaler(),
        reward_scaler=d3rlpy.preprocessing.MultiplyRewardScaler(1 / settings["return_scale"]),
        attn_dropout=dropout,
        resid_dropout=dropout,
        embed_dropout=dropout,
    )
    return config.create(device="cpu:0")


def play(algorithm: DiscreteDecisionTransformer, target_return: float, seeds: range) -> list[float]:
    """The return of each seed's episode."""
    actor = algorithm.as_stateful_wrapper(target_return=target_return, action_sampler=GreedyTransformerActionSampler())
    environment = gymnasium.make("LunarLander-v3", disable_env_checker=True)
    returns = []
    for seed in seeds:
        actor.reset()
        (observation, _), reward, total, over = environment.reset(seed=seed), 0.0, 0.0, False
        while not over:
            observation, reward, terminated, truncated, _ = environment.step(int(actor.predict(observation, reward)))
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
    return returns


def main() -> None:
    given = arguments(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    )
    torch.set_num_threads(1)
    d3rlpy.seed(given.seed)
    algorithm, steps = make_algorithm(given.hyperparameters), given.hyperparameters["steps"]
    begun = time.perf_counter()
    algorithm.fit(
        as_dataset(read(given.raw, given.seeds)),
        n_steps=steps,
        n_steps_per_epoch=steps,
        logger_adapter=NoopAdapterFactory(),
        show_progress=False,
    )
    learned = time.perf_counter()
    seeds = range(given.first_seed, given.first_seed + given.episodes)
    figures = {"seeds": list(seeds), "returns": [play(algorithm, given.target_return, seeds)]}
    print(json.dumps(figures | {"training_seconds": learned - begun, "playing_seconds": time.perf_counter() - learned}))


if __name__ == "__main__":
    main()
