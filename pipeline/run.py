"""Start a stage: python pipeline/run.py STAGE [arguments].

It runs STAGE.py beside this file as the main program: on the code in the src beside it, which in the copies that `dvc exp run
--temp` works in is the copy's own; and with the kernels of numerical libraries pinned, so that every machine sums in one order.
"""

import os
import runpy
import sys
from pathlib import Path

PINS = {
    "OPENBLAS_CORETYPE": "Haswell",  # by which numpy sums: left to the machine, each would find other options
}


def main() -> None:
    folder = Path(__file__).resolve().parent
    stages = sorted(file.stem for file in folder.glob("*.py") if file != Path(__file__).resolve())
    stage = sys.argv[1] if len(sys.argv) > 1 else "none"
    if stage not in stages:
        print(f"run: expected a stage, one of {', '.join(stages)}, got {stage}", file=sys.stderr)
        sys.exit(2)
    sys.dont_write_bytecode = True  # in a study DVC sees every file of the folder of code, ignored or not
    os.environ.update(PINS)  # libraries read them as they are loaded, so before the first of them is imported
    sys.path[0] = str(folder.parent / "src")  # in place of this folder, whose `code` is not Python's
    program = str(folder / f"{stage}.py")
    sys.argv = [program, *sys.argv[2:]]
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
