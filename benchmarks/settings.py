"""How much is measured: Settings, FULL and QUICK, and the sizes that are the same in both."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes of the measurements; what is not named here is the same in all of them."""

    quick: bool
    rounds: int
    ppo_steps: int  # of the comparison of rates; a multiple of a rollout
    seeds: int  # trainings to the target return, each
    target_steps: int
    snapshot_every: int
    target_return: float
    judged_episodes: int
    batches: int
    played_episodes: int
    peer_steps: int
    length: int
    contexts: tuple[int, ...]
    context_steps: int
    peer_context_steps: int
    recorded_episodes: int
    peer_steps_share: float  # of the optimizer steps of our Decision Transformer, for peers that are to be as good
    scored_episodes: int
    online_steps: int  # environment steps of learning online, where its speed is measured


FULL = Settings(
    quick=False,
    rounds=5,
    ppo_steps=262_144,
    seeds=3,
    target_steps=1_000_000,
    snapshot_every=25_000,
    target_return=250.0,
    judged_episodes=64,
    batches=100,
    played_episodes=2048,
    peer_steps=2000,
    length=1000,
    contexts=(1, 2, 5, 10, 20, 50, 100, 200),
    context_steps=200,
    peer_context_steps=100,
    recorded_episodes=1600,
    peer_steps_share=1.0,
    scored_episodes=200,
    online_steps=10_000,
)
QUICK = Settings(
    quick=True,
    rounds=2,
    ppo_steps=16_384,
    seeds=1,
    target_steps=32_768,
    snapshot_every=8_192,
    target_return=-1000.0,
    judged_episodes=8,
    batches=10,
    played_episodes=128,
    peer_steps=200,
    length=200,
    contexts=(1, 20, 200),
    context_steps=20,
    peer_context_steps=20,
    recorded_episodes=40,
    peer_steps_share=0.025,
    scored_episodes=8,
    online_steps=2_000,
)
ROWS, LENGTH, THREADS, PLAYED_ROWS, WINDOWS, BLOCK_SIZE = 64, 20, 2, 128, 20, 100
FLOOR_ROUNDS, FLOOR_SECONDS = 3, 1.5  # half a minute of floors
