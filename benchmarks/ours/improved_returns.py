"""What policies of ours return that a study has let learn online: they play the evaluation seeds anew, greedily.

Prints the evaluation `seeds`, and the returns on them: `returns`, a list a training seed, `expert` and `random` as evaluated.
"""

import argparse
import json
from pathlib import Path

import torch

from benchmarks.ours.returns import returns
from understudy.improvement.collect import collect
from understudy.params.whole import load_params
from understudy.policies.files import load_trained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of the pipeline's run")
    parser.add_argument("--name", required=True, help="a block of `improvement:` in its params.yaml")
    parser.add_argument("--episodes", type=int, required=True, help="the first ones of the evaluation")
    given = parser.parse_args()
    torch.set_num_threads(1)
    params, evaluated = load_params(given.run / "params.yaml"), given.run / "data/evaluation"
    seeds = params.evaluation.seeds[: given.episodes]
    played = []
    for seed in params.training.seeds:
        policy = load_trained(given.run / "improved" / given.name / f"seed_{seed}")
        played.append([episode.total_return for episode in collect(policy, {}, seeds, 0.0)])
    references = {name: returns(evaluated / name, list(seeds)) for name in ("expert", "random")}
    print(json.dumps({"seeds": list(seeds), "returns": played, **references}))


if __name__ == "__main__":
    main()
