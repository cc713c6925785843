"""`expert:` in params.yaml: the demonstrator, with a block for each algorithm, of which the chosen one's is needed.

Names and meanings of an algorithm's keys are stable-baselines3's.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from understudy.params.section import Count, NonNegative, Positive, Probability, Section, Seed


class AlgorithmParams(Section):
    """What all learning algorithms take.

    Attributes:
        num_environments: copies of the environment that are stepped side by side.
        learning_rate: at the start.
        schedule: of the learning rate, linear (to zero) or constant.
        gamma: discount.
    """

    num_environments: Count
    learning_rate: Positive
    schedule: Literal["linear", "constant"]
    gamma: Probability


class OnPolicyParams(AlgorithmParams):
    """What A2C and PPO take; n_steps are environment steps a rollout and environment."""

    n_steps: Count
    gae_lambda: Probability
    ent_coef: NonNegative
    vf_coef: NonNegative
    max_grad_norm: Positive


class A2CParams(OnPolicyParams):
    """Advantage actor-critic."""


class PPOParams(OnPolicyParams):
    """Proximal policy optimisation."""

    batch_size: Annotated[int, Field(ge=2)]
    n_epochs: Count
    clip_range: Positive

    @model_validator(mode="after")
    def _a_rollout_has_steps_to_compare(self) -> Self:
        if self.n_steps * self.num_environments < 2:
            raise ValueError("expert.ppo.n_steps: expected at least 2 steps a rollout over all environments, got 1")
        return self

    @model_validator(mode="after")
    def _mini_batches_are_equally_large(self) -> Self:
        steps = self.n_steps * self.num_environments
        if steps % self.batch_size:
            raise ValueError(
                f"expert.ppo.batch_size: expected a divisor of num_environments * n_steps = {steps}, got {self.batch_size}:"
                " each epoch's last mini-batch would be smaller than the others and weigh as much"
            )
        return self


class OffPolicyParams(AlgorithmParams):
    """What SAC and TD3 take; buffer_size and learning_starts are environment steps."""

    buffer_size: Count
    batch_size: Count
    learning_starts: Annotated[int, Field(ge=0)]
    train_freq: Count
    gradient_steps: Count
    tau: Probability


class SACParams(OffPolicyParams):
    """Soft actor-critic."""


class TD3Params(OffPolicyParams):
    """Twin delayed DDPG; action_noise is a standard deviation in units of half the action range."""

    action_noise: NonNegative


class ScriptedParams(Section):
    """The script for simple_spread: how far an agent drifts, and how near its landmark it holds back."""

    stopping_distance: NonNegative
    tolerance: Positive


class SB3ZipParams(Section):
    """A policy saved by stable-baselines3; `path` lies in custom/."""

    path: Annotated[str, Field(min_length=1)]


class FunctionParams(Section):
    """A function of one's own; `name` is module:function, the module in custom/."""

    name: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]


Block = AlgorithmParams | ScriptedParams | SB3ZipParams | FunctionParams


class ExpertParams(Section):
    """The demonstrator.

    Attributes:
        algorithm: whose block is used.
        seed: its environments are seeded seed, seed + 1, ...
        total_steps: environment steps of training.
        threads: torch threads.
        hidden_sizes: widths of the hidden layers of actor and critic.
        activation: between them.
        snapshots: shares of the training after which the weights are kept as well, for rollouts.players.
        ppo, a2c, sac, td3, scripted, sb3_zip, function: of each algorithm; None where not given.
    """

    algorithm: Literal["ppo", "a2c", "sac", "td3", "scripted", "sb3_zip", "function"]
    seed: Seed
    total_steps: Count
    threads: Count
    hidden_sizes: Annotated[list[Count], Field(min_length=1)]
    activation: Literal["relu", "tanh"]
    snapshots: list[Annotated[float, Field(gt=0, lt=1)]]
    ppo: PPOParams | None = None
    a2c: A2CParams | None = None
    sac: SACParams | None = None
    td3: TD3Params | None = None
    scripted: ScriptedParams | None = None
    sb3_zip: SB3ZipParams | None = None
    function: FunctionParams | None = None

    @model_validator(mode="after")
    def _the_chosen_block_is_there(self) -> Self:
        if getattr(self, self.algorithm) is None:
            raise ValueError(f"expert.{self.algorithm}: expected the block of the chosen algorithm, got none")
        return self

    @model_validator(mode="after")
    def _only_what_is_trained_has_snapshots(self) -> Self:
        if self.snapshots and not isinstance(self.hyperparameters, AlgorithmParams):
            raise ValueError(f"expert.snapshots: expected none of {self.algorithm}, which is not trained, got some")
        if len(set(self.snapshots)) < len(self.snapshots):
            raise ValueError(f"expert.snapshots: expected each share once, got {self.snapshots}")
        return self

    @property
    def hyperparameters(self) -> Block:
        """The block of the chosen algorithm."""
        block: Block = getattr(self, self.algorithm)
        return block

    @property
    def seeds(self) -> range:
        """Seeds with which its training environments start; only some algorithms train."""
        block = self.hyperparameters
        return range(self.seed, self.seed + (block.num_environments if isinstance(block, AlgorithmParams) else 0))
