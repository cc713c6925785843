"""`make smoke`: the whole pipeline at toy size, in a copy that leaves this folder as it is; says how long it took.

Its scores say nothing: the expert has just begun to learn, the students have six steps of training.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.contracts.small_pipeline import copy_project, environment


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="understudy-smoke-") as folder:
        began = time.monotonic()
        copy_project(Path(folder))
        done = subprocess.run(("dvc", "repro"), cwd=folder, env=environment(), check=False)
        if done.returncode:
            sys.exit(done.returncode)
        pages = [
            f"{path.relative_to(folder)} ({path.stat().st_size / 1e6:.1f} MB)"
            for path in Path(folder).glob("metrics/*.[hj]*")
        ]
    print(f"every stage has run, in {time.monotonic() - began:.0f} s; it wrote {', '.join(sorted(pages))}")


if __name__ == "__main__":
    main()
