"""What may be said of a model of several tasks beside its sizes and tokens."""

from dataclasses import dataclass
from typing import Literal

from understudy.nn.task_images import Images
from understudy.nn.transformer_options import TrunkOptions

MOST_PROMPTS, MOST_PROMPT_STEPS = 5, 64  # demonstrations of a task that a model keeps, and of the steps of each


@dataclass(frozen=True)
class TaskOptions(TrunkOptions):
    """Options of a model of several tasks, given as keyword arguments of its constructor.

    Attributes:
        action_dropout: chance that a past action is withheld in a training batch.
        continuous_loss: of action vectors, of coarse tokens: "nll", a Gaussian's, or "mse". Fine ones predict bins.
        image_shape: rows, columns and channels of the picture or grid that some components of some tasks are, of coarse tokens;
            None where they are numbers like any others.
        patch_size: side of its square patches, in pixels or cells; None without pictures.
        patch_dim: how many numbers a patch becomes before all of them become a token; None without pictures.
        return_conditioned: whether it acts for a return that is asked for.
        return_bins: how many the distribution of returns has that `target_return: expert` needs; 0 for none.
        return_weight: weight of its cross-entropy beside the imitation's loss.
        prompt_steps: the first ones of another episode of its task that a row may be shown, at most MOST_PROMPT_STEPS; 0 for
            none.
        prompt_chance: of a row in training to be shown them.
        task_token: "learned", a vector of each task in its tokens, or "prompt": none, so that prompts say which task it is.

    Raises:
        ValueError: a number is out of its range, or an option cannot be had beside another one.
    """

    action_dropout: float = 0.0
    continuous_loss: Literal["nll", "mse"] = "nll"
    image_shape: list[int] | None = None
    patch_size: int | None = None
    patch_dim: int | None = None
    return_conditioned: bool = False
    return_bins: int = 0
    return_weight: float = 0.1
    prompt_steps: int = 0
    prompt_chance: float = 0.25
    task_token: Literal["learned", "prompt"] = "learned"

    def __post_init__(self) -> None:
        if not 0 <= self.action_dropout <= 1:
            raise ValueError(f"action_dropout: expected a chance from 0 to 1, got {self.action_dropout}")
        if self.return_bins < 0 or not self.return_weight >= 0:
            raise ValueError(
                f"return_bins, return_weight: expected at least 0 each, got {self.return_bins} and {self.return_weight}"
            )
        if self.return_bins and not self.return_conditioned:
            raise ValueError(
                f"return_bins: expected 0, since the model is not return_conditioned, got {self.return_bins}"
            )
        if not 0 <= self.prompt_steps <= MOST_PROMPT_STEPS or not 0 <= self.prompt_chance <= 1:
            raise ValueError(
                f"prompt_steps, prompt_chance: expected from 0 to {MOST_PROMPT_STEPS}, and a chance from 0 to 1,"
                f" got {self.prompt_steps} and {self.prompt_chance}"
            )
        if self.prompt_steps and self.attention != "softmax":
            raise ValueError(f"prompt_steps: expected 0 under attention {self.attention!r}, got {self.prompt_steps}")
        if self.prompt_steps and self.return_conditioned:
            raise ValueError(
                f"prompt_steps: expected 0, since the model is return_conditioned, got {self.prompt_steps}"
            )
        if self.task_token == "prompt" and not self.prompt_steps:
            raise ValueError("task_token: expected learned, since prompt_steps is 0, got 'prompt'")

    @property
    def images(self) -> Images | None:
        """What the pictures look like; None where none is told of."""
        return Images.of(self.image_shape, self.patch_size, self.patch_dim)

    def prompts_shown(self, prompt: int | None) -> int:
        """How many demonstrations a row is shown at play; where None are asked for 1 if they alone tell the task, else 0.

        Raises:
            ValueError: a model cannot be shown so many.
        """
        most = MOST_PROMPTS if self.prompt_steps else 0
        count = int(self.task_token == "prompt") if prompt is None else prompt
        if not 0 <= count <= most:
            raise ValueError(f"prompt: expected from 0 to {most} demonstrations, got {count}")
        return count
