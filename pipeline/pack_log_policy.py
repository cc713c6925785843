"""Stage pack_log_policy@NAME-SEED: policy, embedder and calibration in one folder, to act with. Writes packed/NAME/seed_SEED."""

from pathlib import Path

from understudy.logs.acting import pack_policy
from understudy.models.registry import POLICY
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.jsonfile import read_json

LOADS = (POLICY,)


def work(policy: str, seed: int) -> None:
    place = Path(policy) / f"seed_{seed}"
    metrics = read_json("data/evaluation" / place / "metrics.json")
    with replace_folder("packed" / place) as folder:
        pack_policy("models" / place, Path("data/embeddings"), metrics["temperature"], metrics["threshold"], folder)
    print(f"packed/{place}: understudy.logs.acting.load_log_policy loads it")


if __name__ == "__main__":
    run_stage(work, __doc__)
