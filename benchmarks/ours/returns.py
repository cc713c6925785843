"""What a policy and both references returned when the pipeline evaluated them, as it has left it: nothing is measured anew.

Prints the evaluation `seeds`, and the returns on them: `returns`, a list a training seed, `expert` and `random`.
"""

import argparse
import json
from pathlib import Path

from understudy.errors import DataError
from understudy.params.whole import load_params
from understudy.rollouts.parquet import read_recording


def returns(folder: Path, seeds: list[int]) -> list[float]:
    """Of the first episodes of a recording, which are to have these seeds.

    Raises:
        DataError: they have others.
    """
    episodes, count = read_recording(folder).episodes, len(seeds)
    if episodes["seed"][:count].tolist() != seeds:
        raise DataError(f"{folder}: expected episodes of seeds from {seeds[0]} to {seeds[-1]}, got others")
    return episodes["return"][:count].tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of the pipeline's run")
    parser.add_argument("--policy", required=True)
    parser.add_argument("--episodes", type=int, required=True, help="the first ones of each evaluation")
    given = parser.parse_args()
    params, folder = load_params(given.run / "params.yaml"), given.run / "data/evaluation"
    seeds = list(params.evaluation.seeds)[: given.episodes]
    figures = {
        "seeds": seeds,
        "returns": [returns(folder / given.policy / f"seed_{seed}", seeds) for seed in params.training.seeds],
        "expert": returns(folder / "expert", seeds),
        "random": returns(folder / "random", seeds),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
