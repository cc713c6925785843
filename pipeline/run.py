"""Start a stage: python pipeline/run.py STAGE [arguments], or a study's own program: python ../../pipeline/run.py draw.py.

It runs STAGE.py beside this file, or the file given, as the main program: on the code in the src beside it, which in the copies
that `dvc exp run --temp` works in is the copy's own, and with the kernels of numerical libraries pinned to those of AVX2.
"""

import os
import runpy
import sys
from pathlib import Path

# Kernels that every x86-64 processor with AVX2 has; wider ones would sum in another order. MKL still has others for AMD's
# processors than for Intel's (docs/reference/reproducibility.md).
PINS = {
    "ATEN_CPU_CAPABILITY": "avx2",  # torch's own vectorised functions
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # those that it has from oneDNN, GELU among them
    "MKL_CBWR": "AVX2,STRICT",  # its matrix products, which else differ with alignment and width
    "OPENBLAS_CORETYPE": "Haswell",  # numpy's and scipy's matrix products
    "OPENBLAS_L2_SIZE": "256",  # by which these are cut into blocks, in KiB; else it is read off the processor
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # numpy's functions, of what it has
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait leave the processor to others; alone on a machine it costs nothing
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
    sys.path.append(str(here.parents[1] / "custom"))  # the user's own modules
    sys.argv = [str(program), *sys.argv[2:]]
    runpy.run_path(str(program), run_name="__main__")


if __name__ == "__main__":
    main()
