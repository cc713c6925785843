"""Stage search_policy@NAME: hyperparameters are tried, each setting in the light of those before it. Writes metrics/search/NAME.

`understudy search NAME` runs it as well. Interrupted, or with more trials asked for, it goes on where it was. It reads all of
params.yaml, and the policy's block in search.yaml.
"""

from pathlib import Path

from understudy.models.registry import POLICY
from understudy.params.search import load_search
from understudy.search.figure import draw
from understudy.search.loop import described, run_search
from understudy.search.origin import load_one_task
from understudy.search.space import FILE
from understudy.search.trial import SEARCHES
from understudy.stage import run_stage

LOADS = (POLICY,)
ROOT = Path(__file__).resolve().parents[1]


def work(policy: str) -> None:
    project = load_one_task(Path("params.yaml"))
    project.policies.named(policy)  # or a sentence, before the file that need not know of it is read
    search = load_search(FILE, policy)
    trials = run_search(policy, project, search, ROOT)
    draw(search, trials, SEARCHES / policy / "search.png")
    print("\n".join(described(search, trials)))


if __name__ == "__main__":
    run_stage(work, __doc__)
