"""A full disk ends a stage in one sentence and exit code 1, and each output is what it was before, or not there.

What stands for the full disk is a limit on the size of any file, which is too small for the output itself.
"""

import resource
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.builders import call_pipeline
from tests.contracts.small_pipeline import ROOT, SMALL, set_params
from tests.forked import start_stage

DECODER = ("--policy", "decoder", "--seed", "0")
RECORDED, EVALUATED = "data/raw/steps.parquet", "data/evaluation/decoder/seed_0/steps.parquet"


@dataclass(frozen=True)
class Case:
    """A stage, the output that fails, and the bytes that fit in a file: a number, or one too few for this very file."""

    name: str
    command: tuple[str, ...]
    limit: int | str
    output: str

    def bytes_that_fit(self, finished):
        return self.limit if isinstance(self.limit, int) else (finished / self.limit).stat().st_size - 1


# Limits lie between the sizes of the files that a stage writes before the one that fails, and that one's.
CASES = [
    Case("an expert", ("train_expert",), 500, "models/expert"),
    Case("a block of episodes", ("record_rollouts",), 4200, "data/raw"),
    Case("a recording", ("record_rollouts",), RECORDED, "data/raw"),
    Case("no sequence at all", ("build_sequences",), 0, "data/processed/sequences"),
    Case("sequences", ("build_sequences",), "data/processed/sequences/train.arrow", "data/processed/sequences"),
    Case("options", ("label_options",), 600, "data/processed/options"),
    Case("a checkpoint", ("train_policy", *DECODER), 16_000, "models/decoder/seed_0"),
    Case("an evaluation", ("evaluate_policy", *DECODER), EVALUATED, "data/evaluation/decoder/seed_0"),
    Case("plots", ("compare",), 100, "metrics/plots"),
    Case("figures", ("compare",), 20_000, "metrics/figures"),
]


@pytest.fixture(scope="module")
def finished(made_once):
    """A folder in which the pipeline has run, for one policy and with tiny parameters."""

    def make(folder):
        shutil.copy(ROOT / "params.yaml", folder)
        set_params(folder, SMALL | {"expert.total_steps": 1024})
        yaml = YAML()
        params = yaml.load(folder / "params.yaml")
        params["policies"], params["comparison"]["baseline"] = {"decoder": params["policies"]["decoder"]}, None
        yaml.dump(params, folder / "params.yaml")
        call_pipeline(folder, ["decoder"])

    return made_once("one_policy", make)


def run_stage(folder, command, limit=None):
    """Run a stage to its end, where `limit` is the size in bytes that no file of it can exceed."""

    def fill_the_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that a write fails with EFBIG, and does not kill the process
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return start_stage(folder, command, *([] if limit is None else [fill_the_disk])).wait()


def contents(folder):
    """The bytes of every file below a folder; empty where there is none."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def leftovers(folder):
    """Half-written and former outputs anywhere below a folder."""
    return [path for path in folder.rglob(".*") if path.name.endswith((".unfinished", ".former"))]


def assert_one_sentence(code, said, stage):
    """Hold that a stage said in its last line what it could not write, and no more than that."""
    assert "Traceback" not in said, said[-3000:]
    assert code == 1, said[-3000:]
    assert said.replace("\r", "\n").strip().splitlines()[-1].startswith(f"{stage}: cannot write "), said[-3000:]
    assert "an output" not in said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_full_disk_is_one_sentence_and_leaves_no_half_output(finished, tmp_path, case):
    """Every other case finds a former output, which must stay to the byte; the others find none, and none appears."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    output = tmp_path / case.output
    if case.output == "data/raw":  # which a stage replaces only where it has written it itself
        assert set(contents(output)) == {Path("steps.parquet"), Path("episodes.parquet")}
    elif CASES.index(case) % 2:
        output.mkdir(parents=True, exist_ok=True)
        (output / "former.txt").write_text("as it was", encoding="utf-8")
    else:
        shutil.rmtree(output, ignore_errors=True)
    before = contents(output)
    code, _, said = run_stage(tmp_path, case.command, case.bytes_that_fit(finished))
    assert leftovers(tmp_path) == []
    assert contents(output) == before
    assert output.exists() == bool(before)
    assert_one_sentence(code, said, case.command[0])


def test_with_room_again_the_stage_ends_well(finished, tmp_path):
    """What a full disk left behind, such as finished blocks and checkpoints, does not stand in the way."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    expected = contents(tmp_path / "data/raw")
    shutil.rmtree(tmp_path / "data/raw")
    assert run_stage(tmp_path, ("record_rollouts",), (finished / RECORDED).stat().st_size - 1)[0] == 1
    assert list((tmp_path / ".checkpoints").rglob("block_*"))
    code, _, said = run_stage(tmp_path, ("record_rollouts",))
    assert code == 0, said
    assert contents(tmp_path / "data/raw") == expected
