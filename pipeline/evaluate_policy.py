"""Stage evaluate_policy@NAME: a student plays on seeds that no other stage has used. Writes data/evaluation/NAME.

The expert says at each step what it would have done. A student that chooses options plays once more with them shuffled.
"""

from functools import partial
from pathlib import Path

from understudy.environments.make import check_environment, read_spec
from understudy.params import Params
from understudy.policy import load_policy, policy_hashes
from understudy.policy_actor import load_actor, playing_device
from understudy.rollouts.parquet import write_recording
from understudy.rollouts.record import Plan, record
from understudy.stage import run_policy_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints
from understudy.utils.precision import resolve_precision
from understudy.utils.provenance import check_origin

EXPERT = Path("models/expert")
SOURCES = {
    "sequences": Path("data/processed/sequences/store.json"),
    "options": Path("data/processed/options/options.json"),
}


def work(params: Params, name: str) -> None:
    params.policy(name)
    student, evaluation = Path("models") / name, params.evaluation
    policy, expert = load_policy(student), load_policy(EXPERT)
    device = playing_device(policy, params.compute.device)
    # To ask a GPU would start it, and the processes that are to play on it could then not be forked.
    precision = evaluation.precision if device.type == "cuda" else resolve_precision(evaluation.precision, device)
    spec = read_spec(params.environment.id, params.environment.kwargs)
    check_environment(EXPERT, expert.spec, spec)
    check_environment(student, policy.spec, spec)
    check_origin(student, policy.provenance, SOURCES)
    inputs = {"expert": policy_hashes(EXPERT), "student": policy_hashes(student)}
    checkpoint = checkpoint_folder(f"evaluate_policy@{name}", [evaluation.model_dump(), precision, device.type], inputs)
    with replace_folder(Path("data/evaluation") / name) as folder:
        for shuffle, title, target in ((False, name, folder), (True, f"{name}, options shuffled", folder / "shuffled")):
            if shuffle and not hasattr(policy.model, "num_options"):
                continue
            actor = partial(load_actor, student, shuffle_options=shuffle, precision=precision, device=device.type)
            plan = Plan(spec, actor, demonstrator=partial(load_actor, EXPERT))
            recording = record(
                plan,
                evaluation.seeds,
                block_size=evaluation.block_size,
                workers=params.compute.workers,
                title=title,
                blocks_folder=checkpoint / ("shuffled" if shuffle else "plain"),
            )
            target.mkdir(exist_ok=True)
            with recording as episodes:
                write_recording(target, spec, name, episodes)
    remove_checkpoints(f"evaluate_policy@{name}")


if __name__ == "__main__":
    run_policy_stage(work, __doc__)
