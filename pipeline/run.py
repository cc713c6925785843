"""Start a stage: python pipeline/run.py STAGE [arguments], or a study's own program: python ../../pipeline/run.py draw.py.

It runs STAGE.py beside this file, or the file given, as the main program: on the code in the src beside it, which in the copies
that `dvc exp run --temp` works in is the copy's own, and with the kernels of numerical libraries pinned: all machines sum alike.
"""

import os
import runpy
import sys
from pathlib import Path

PINS = {
    "OPENBLAS_CORETYPE": "Haswell",  # by which numpy sums: left to the machine, each would find other options
}


def main() -> None:
    here = Path(__file__).resolve()
    stages = {file.stem: file for file in sorted(here.parent.glob("*.py")) if file != here}
    stage = sys.argv[1] if len(sys.argv) > 1 else "none"
    program = Path(stage).resolve() if stage.endswith(".py") else stages.get(stage)
    if program is None or not program.is_file():
        print(f"run: expected one of {', '.join(stages)}, or a file of Python, got {stage}", file=sys.stderr)
        sys.exit(2)
    sys.dont_write_bytecode = True  # in a study DVC sees every file of the folder of code, ignored or not
    os.environ.update(PINS)  # libraries read them as they are loaded, so before the first of them is imported
    sys.path[0] = str(here.parents[1] / "src")  # in place of this folder, whose `code` is not Python's
    sys.argv = [str(program), *sys.argv[2:]]
    runpy.run_path(str(program), run_name="__main__")


if __name__ == "__main__":
    main()
