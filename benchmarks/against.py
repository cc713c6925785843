"""This tree against another commit of the project: training, playing and recording in turns, in ten minutes on two quiet cores.

    make bench-against REF=HEAD~1    or, with PYTHONPATH=src, python -m benchmarks.against --ref HEAD~1

Both trees are copied into a temporary folder, this one with what is not committed yet. There each makes small data by its own
pipeline, once, and its own programs of benchmarks/ours measure it, so that neither has to know how the other is called. A tree
whose program fails is measured by this tree's, if its code allows. Prints a table of the medians over rounds; the exit code is 1
where a ratio's is below --at-least. Each tree's decoder is its own, and so are the episodes that it plays, whose steps may cost
the environment more or less: playing is judged by its share of the pace at which the bare environment plays the same actions.
"""

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.ratios import paired_ratios, spread
from benchmarks.table import number

ROOT = Path(__file__).resolve().parents[1]
STAGE = "train_policy@decoder"
SMALL = {  # keys that a tree does not have are left alone
    "expert.total_steps": 200_000,
    "rollouts.episodes": 40,
    "rollouts.block_size": 20,
    "options.iterations": 2,
    "options.restarts": 1,
    "training.steps": 20,
    "training.evaluate_every": 20,
}
QUICK = SMALL | {"expert.total_steps": 16_384}


class AgainstError(Exception):
    """What could not be measured, in one sentence."""


@dataclass(frozen=True)
class Tree:
    name: str
    folder: Path


@dataclass(frozen=True)
class Work:
    """A program of benchmarks/ours with its arguments, and the rows of the table by the figures that they show."""

    program: str
    arguments: str
    rows: dict[str, str]


def works(quick: bool, precision: str) -> list[Work]:
    """What is measured, a few seconds each, or with `quick` as little as there is."""
    batches, episodes, recorded = (3, 16, 16) if quick else (60, 512, 400)
    return [
        Work(
            "decoder_training",
            f"--rows 64 --length 20 --batches {batches} --threads 2 --precision {precision}",
            {"steps_per_second": f"training a decoder on 64 rows of 20 steps, {precision}"},
        ),
        Work(
            "decoder_playing",
            f"--rows 128 --episodes {episodes} --precision {precision}",
            {
                "share_of_bare": f"playing it on 128 rows, one thread, {precision}: its share of the bare environment's pace",
                "bare_steps_per_second": "the bare environment, same actions",
            },
        ),
        Work(
            "recording",
            f"--work recording --workers 2 --episodes {recorded} --block-size {recorded // 4}",
            {"steps_per_second": f"recording {recorded} of its episodes, two workers"},
        ),
    ]


def run(*command: str, folder: Path, path: str = "", text: bool = True) -> subprocess.CompletedProcess:
    """Run a command in `folder` with this interpreter's tools first; `path` is its PYTHONPATH."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = os.environ | {"PATH": tools, "PYTHONPATH": path}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=text, check=False)


def checked(*command: str, folder: Path, path: str = "", text: bool = True):
    """What a command printed.

    Raises:
        AgainstError: it failed; the message ends with the last line of what it said.
    """
    done = run(*command, folder=folder, path=path, text=text)
    if done.returncode != 0:
        said = done.stderr if text else done.stderr.decode(errors="replace")
        last = ((said or str(done.stdout)).strip().splitlines() or ["nothing"])[-1]
        raise AgainstError(f"{' '.join(command)}: exit code {done.returncode}, which ends with: {last}")
    return done.stdout


def copy_of_this_tree(root: Path, folder: Path) -> Tree:
    """All that git tracks or would track, as it lies there."""
    for name in checked("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=root).split("\0"):
        if name and (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)
    return Tree("this tree", folder)


def copy_of_commit(root: Path, ref: str, folder: Path) -> Tree:
    """The tree of a commit, without a trace in the repository."""
    name = checked("git", "rev-parse", "--short", "--verify", f"{ref}^{{commit}}", folder=root).strip()
    with tarfile.open(fileobj=io.BytesIO(checked("git", "archive", name, folder=root, text=False))) as archive:
        # Before Python 3.11.4 there is no such filter, and an argument of that name is an error.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)
    return Tree(name, folder)


def make_data(tree: Tree, changes: dict[str, int]) -> None:
    """Run the tree's own pipeline, made small, up to a trained decoder."""
    yaml = YAML()
    params = yaml.load(tree.folder / "params.yaml")
    for key, value in changes.items():
        *sections, name = key.split(".")
        section = params
        for part in sections:
            section = section.get(part, {})
        if name in section:
            section[name] = value
    yaml.dump(params, tree.folder / "params.yaml")
    (tree.folder / ".dvc/config.local").write_text("[core]\n    no_scm = true\n")
    dvc = (sys.executable, "-m", "dvc")
    stages = checked(*dvc, "stage", "list", "--name-only", folder=tree.folder).split()
    found = [stage for stage in stages if stage == STAGE or stage.startswith(f"{STAGE}-")]
    if not found:
        raise AgainstError(f"{tree.name}: expected a stage {STAGE}, got {', '.join(stages)}")
    checked(*dvc, "repro", found[0], folder=tree.folder, path=str(tree.folder / "src"))


def measure(work: Work, tree: Tree, programs: Path) -> dict[str, float]:
    """Run the program that lies in the tree `programs` on the code and data of `tree`.

    Raises:
        AgainstError: it failed.
    """
    command = (sys.executable, "-P", "-m", f"benchmarks.ours.{work.program}", *work.arguments.split())
    path = os.pathsep.join((str(tree.folder / "src"), str(programs)))  # -P: not the folder in which it runs
    figures = json.loads(checked(*command, folder=tree.folder, path=path).splitlines()[-1])
    if "bare_steps_per_second" in figures:
        figures["share_of_bare"] = figures["steps_per_second"] / figures["bare_steps_per_second"]
    return figures


def choose_programs(work: Work, tree: Tree, this: Tree) -> Path:
    """The tree whose program can measure `tree`: its own, or else this one."""
    try:
        measure(work, tree, tree.folder)
    except AgainstError as error:
        if tree is this:
            raise
        say(f"against: {tree.name} is measured by this tree's {work.program}, since its own fails ({error})")
        measure(work, tree, this.folder)
        return this.folder
    return tree.folder


def compare(work: Work, trees: tuple[Tree, Tree], rounds: int) -> dict[str, list[list[float]]]:
    """For each figure of `work` the values of both trees; who begins changes from round to round. A round before warms up."""
    programs = [choose_programs(work, tree, trees[0]) for tree in trees]
    values: dict[str, list[list[float]]] = {key: [[], []] for key in work.rows}
    for number_of_round in range(rounds):
        for which in (0, 1) if number_of_round % 2 == 0 else (1, 0):
            begun = time.monotonic()
            say(f"against: {work.program}, round {number_of_round + 1} of {rounds}: {trees[which].name} ...", end="")
            figures = measure(work, trees[which], programs[which])
            say(f" {time.monotonic() - begun:.1f} s")
            for key in work.rows:
                values[key][which].append(figures[key])
    return values


def row(title: str, values: list[list[float]]) -> tuple[str, float]:
    """A row of the table, and its median ratio."""
    ours, theirs = values
    ratio = spread(paired_ratios(ours, theirs, "higher"))
    medians = " | ".join(number(statistics.median(each)) for each in values)
    return f"| {title} | {medians} | {ratio['median']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}] |", ratio["median"]


def say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)


def against(root: Path, ref: str, rounds: int, quick: bool, precision: str) -> dict[str, float]:
    """Measure, print the table, and return the median ratio of each row but the bare environment's."""
    with tempfile.TemporaryDirectory() as name:
        this, other = Path(name) / "this", Path(name) / "other"
        trees = (copy_of_this_tree(root, this), copy_of_commit(root, ref, other))
        for tree in trees:
            begun = time.monotonic()
            say(f"against: the small pipeline of {tree.name} ...", end="")
            make_data(tree, QUICK if quick else SMALL)
            say(f" {time.monotonic() - begun:.1f} s")
        ratios, lines = {}, []
        for work in works(quick, precision):
            try:
                compared = compare(work, trees, rounds)
            except AgainstError as error:  # what could be measured is worth its minutes all the same
                say(f"against: {error}")
                ratios[f"{work.program}, not measured"] = 0.0
                continue
            for key, values in compared.items():
                line, ratio = row(work.rows[key], values)
                lines.append(line)
                if not key.startswith("bare"):
                    ratios[work.rows[key]] = ratio
        header = f"| the work | this tree, steps/s | {trees[1].name}, steps/s | ratio [quartiles], {rounds} rounds |"
        print("\n".join([header, "|---|---|---|---|", *lines]))
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ref", required=True, help="the other commit, as git knows it")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--at-least", type=float, default=0.97, help="the least median ratio (0.97)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--quick", action="store_true", help="one small round: shows that it runs, judges nothing")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error(f"--rounds: expected at least 1, got {given.rounds}")
    rounds = 1 if given.quick else given.rounds
    try:
        ratios = against(ROOT, given.ref, rounds, given.quick, given.precision)
    except AgainstError as error:
        sys.exit(f"against: {error}")
    except KeyboardInterrupt:
        sys.exit("against: interrupted")
    slower = [f"{title}: {ratio:.3f}" for title, ratio in ratios.items() if ratio < given.at_least]
    if slower and not given.quick:
        sys.exit(f"against: expected at least {given.at_least:g} of {given.ref}'s pace, got " + "; ".join(slower))


if __name__ == "__main__":
    main()
