"""Stage pack_reply_policy@NAME-SEED: policy, embedder and replies in one folder, to reply with. Writes packed/NAME/seed_SEED."""

from pathlib import Path

import numpy as np

from understudy.embeddings.vectors import read_vectors
from understudy.embeddings.words import WordIndex
from understudy.logs.parquet import read_logs
from understudy.logs.replies import replies_in
from understudy.logs.replying import StoredReplies, pack_replies
from understudy.logs.selection import select_runs
from understudy.models.registry import POLICY
from understudy.params.runs import RunParams
from understudy.params.sequences import SequenceParams
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.jsonfile import read_json

LOADS = (POLICY,)
LOGS, EMBEDDINGS, FOUND = Path("data/logs"), Path("data/embeddings"), Path("data/found")


def work(policy: str, seed: int, runs: RunParams, sequences: SequenceParams) -> None:
    logs, vectors = read_logs(LOGS), read_vectors(EMBEDDINGS, LOGS / "texts.parquet")
    said = np.unique(replies_in(logs, select_runs(logs.episodes, runs, sequences.seed).learning).said)
    contents = logs.texts["content"].to_pylist()
    found = read_json(FOUND / f"{policy}_{seed}.json")
    policy_weight, words_weight = found["weights"]
    stored = StoredReplies(
        tuple(contents[number] for number in said.tolist()),
        vectors[said],
        WordIndex.rebuild(read_json(FOUND / "words.json")),
        policy_weight=policy_weight,
        words_weight=words_weight,
        threshold=found["threshold"],
    )
    place = Path(policy) / f"seed_{seed}"
    with replace_folder("packed" / place) as folder:
        pack_replies("models" / place, EMBEDDINGS, stored, folder)
    print(f"packed/{place}: {len(said)} replies; understudy.logs.replying.load_replies loads them")


if __name__ == "__main__":
    run_stage(work, __doc__)
