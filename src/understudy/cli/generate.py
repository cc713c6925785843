"""understudy generate: what a policy of games in text would write next."""

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import ParameterError

if TYPE_CHECKING:
    from understudy.generation.prompt import Prompt
    from understudy.generation.turns import Turn, Writer

HELP = "let a policy that has learned from games in text write the next turn"
EXAMPLE = "understudy generate models/ilql --prompt 'store<s:y><t:b><o:b><r:b><e:b>' --n 5 --temperature 1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "policy", type=Path, help="a folder with policy.json, or with one seed_0, ... for each training"
    )
    parser.add_argument("--prompt", default="", help="the text so far; a turn may be begun (default: none)")
    parser.add_argument("--n", type=int, default=1, help="how many turns (default 1)")
    parser.add_argument(
        "--temperature", type=float, default=1.0, help="of the draws; 0: the highest scores (default 1)"
    )
    parser.add_argument(
        "--beam",
        type=int,
        metavar="W",
        help="search the likeliest turns with W beams, and draw none: --temperature and --seed then count for nothing",
    )
    parser.add_argument(
        "--beta", type=float, help="of a policy with values: how much they count beside likelihoods (default 1)"
    )
    parser.add_argument(
        "--free", action="store_true", help="write any letters, also where only some words may be guessed"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default 0)")
    parser.add_argument(
        "--values", action="store_true", help="show what each token is worth, and what was worth before"
    )


def run(arguments: argparse.Namespace) -> None:
    """Read the prompt, write the turns, and say what each token is worth where that is asked for."""
    import torch

    from understudy.generation.prompt import read_prompt
    from understudy.generation.turns import Writer
    from understudy.policies.build import check_play
    from understudy.policies.predict import load_policy
    from understudy.tasks.make import task_of
    from understudy.tasks.text import decode

    _check(arguments)
    torch.set_num_threads(1)  # a step's tensors are tiny
    policy = load_policy(arguments.policy).trained
    task = task_of(policy.task.environment)
    prompt = read_prompt(task, arguments.prompt)
    play = {} if arguments.beta is None else {"beta": arguments.beta}
    check_play(policy.family, play, f"{policy.family}.play")
    try:
        writer = Writer(policy, task, prompt, play, arguments.free)
    except ValueError as error:
        raise ParameterError(f"--{error}") from None
    lines = []
    for turn in _turns(writer, arguments):
        lines.append(f"{decode(task.tokens, turn.tokens)}  {turn.log_likelihood:.2f}")
        if arguments.values:
            from understudy.generation.values import format_worth, token_worth

            lines.append(format_worth(task, token_worth(policy, task, _with(prompt, turn))) + "\n")
    print("\n".join(lines))


def _check(arguments: argparse.Namespace) -> None:
    if arguments.n < 1:
        raise ParameterError(f"--n: expected at least 1, got {arguments.n}")
    if not 0 <= arguments.temperature < math.inf:
        raise ParameterError(f"--temperature: expected a number from 0, got {arguments.temperature}")
    if arguments.beam is not None and arguments.beam < arguments.n:
        raise ParameterError(f"--beam: expected at least --n = {arguments.n}, got {arguments.beam}")


def _turns(writer: "Writer", arguments: argparse.Namespace) -> "list[Turn]":
    from understudy.generation.turns import best_turns, draw_turns

    if arguments.beam is not None:
        return best_turns(writer, arguments.n, arguments.beam)
    return draw_turns(writer, arguments.n, arguments.temperature, arguments.seed)


def _with(prompt: "Prompt", turn: "Turn") -> "Prompt":
    """The text with a turn that nobody has replied to."""
    new = turn.tokens[len(prompt.turn) :]
    nothing = np.full((len(new), prompt.replies.shape[1]), -1)
    return replace(
        prompt,
        actions=np.concatenate([prompt.actions, new]),
        replies=np.concatenate([prompt.replies, nothing]),
    )
