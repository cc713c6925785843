"""The stage sums by one kernel of OpenBLAS, whatever the machine and its environment would choose."""

import json
import platform
import shutil
import subprocess
import sys

import pytest

from tests.contracts.small_pipeline import ROOT, environment

SHOW_KERNELS = """
import json, numpy, scipy.linalg
from threadpoolctl import threadpool_info
print(json.dumps([library["architecture"] for library in threadpool_info() if library["internal_api"] == "openblas"]))
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="other processors have other kernels")
@pytest.mark.parametrize("surrounding", [None, "Prescott"])
def test_the_launcher_chooses_the_kernel_by_which_numpy_and_scipy_sum(surrounding, tmp_path):
    (tmp_path / "pipeline").mkdir()
    shutil.copy(ROOT / "pipeline/run.py", tmp_path / "pipeline")
    (tmp_path / "pipeline" / "label_options.py").write_text(SHOW_KERNELS)
    variables = {name: value for name, value in environment().items() if not name.startswith("OPENBLAS")}
    if surrounding is not None:
        variables["OPENBLAS_CORETYPE"] = surrounding
    command = [sys.executable, "pipeline/run.py", "label_options"]
    printed = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, check=True).stdout
    kernels = json.loads(printed)
    assert kernels
    assert set(kernels) == {"Haswell"}
