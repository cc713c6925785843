"""Ours against the peers on this machine: runs everything in turns and writes a table and figures.

Run by `make bench`; PYTHONPATH=src python -m benchmarks.bench --quick shows in minutes that all of it works.
Writes results/peers.json, results/peers.md, figures/peers.png and figures/playing.png below benchmarks, with --quick below
benchmarks/quick. With --only the other groups keep what peers.json has of them, and without it those that train peers in full:
returns, returns_longer, q_returns and q_online_returns.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.comparisons import groups
from benchmarks.decision_transformer import SEQUENCES, Study
from benchmarks.figures import write_figures
from benchmarks.ratios import paired_ratios, spread
from benchmarks.rows import Comparison, Figures, Group, Program, ScoreComparison
from benchmarks.scores import score_row
from benchmarks.settings import FULL, QUICK, Settings
from benchmarks.table import markdown
from understudy.errors import DataError, ParameterError
from understudy.params.whole import load_params
from understudy.sequences.store import open_sequences
from understudy.utils.atomic import replace_file

HERE = Path(__file__).parent
PEERS_PYTHON, PEERS_LOCK = HERE / ".venv/bin/python", HERE / "peers/requirements.lock"
STUDY, Q_STUDY = Path("studies/returns/lander"), Path("studies/improve/mediocre")
RUNS = {
    "{seeds}": Path(),
    "{study_seeds}": STUDY,
    "{q_seeds}": Q_STUDY,
}  # of the pipeline, from whose recordings programs learn
PACKAGES = ("torch", "numpy", "gymnasium", "stable_baselines3", "rl_zoo3", "d3rlpy", "transformers")


class BenchmarkError(Exception):
    """A measurement that could not be made, in one sentence."""


def run(program: Program, folder: Path, number: int) -> dict:
    """Run one measuring program to its end and return the JSON of its last line."""
    snapshots = Path(tempfile.mkdtemp(dir=folder))
    python = str(PEERS_PYTHON) if program.module.startswith("benchmarks.peers.") else sys.executable
    filled = {"{round}": str(number), "{folder}": str(snapshots)}
    filled |= {word: str(folder / f"{word}.json") for word in RUNS}
    words = [filled.get(word, word) for word in program.arguments]
    environment = os.environ | {"PYTHONPATH": "src"}
    try:
        done = subprocess.run([python, "-m", program.module, *words], capture_output=True, text=True, env=environment)
    except OSError as error:
        raise BenchmarkError(f"{program.who}: expected to run {python}, got {error.strerror}; run make bench") from None
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines or not lines[-1].startswith("{"):
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        command = f"python -m {program.module} {' '.join(words)}"
        raise BenchmarkError(
            f"{program.who}: expected figures, got exit code {done.returncode} of `{command}`, which ends with: {said[-1]}"
        )
    return json.loads(lines[-1])


def judge(trained: dict, settings: Settings, folder: Path) -> Figures:
    """When a training's snapshots first reached the target return; its whole time where they never did."""
    given = {"folder": trained["folder"], "activation": trained["activation"], "episodes": settings.judged_episodes}
    program = Program.of("the judge", "ours.ppo_returns", hidden_sizes=trained["hidden_sizes"], **given)
    curve = run(program, folder, 0)["curve"]
    reached = [point for point in curve if point["return_mean"] >= settings.target_return]
    first = reached[0] if reached else curve[-1]
    best = max(point["return_mean"] for point in curve)
    figures = {"seconds": first["seconds"], "steps": first["steps"], "reached": bool(reached), "best_return": best}
    return figures | {"whole_seconds": curve[-1]["seconds"], "curve": curve}


def measure(name: str, group: Group, settings: Settings, folder: Path) -> tuple[dict[str, list[dict]], dict[str, str]]:
    """Figures of all programs, which take turns, and the sentence of each that failed; that one is not tried again."""
    figures: dict[str, list[dict]] = {label: [] for label in group.programs}
    failures: dict[str, str] = {}
    for number in range(group.rounds):
        for label, program in group.programs.items():
            if label in failures:
                continue
            begun = time.monotonic()
            say(f"bench: {name}, round {number + 1} of {group.rounds}: {program.who} ...", end="")
            try:
                result = run(program, folder, number)
                figures[label].append(judge(result, settings, folder) if "folder" in result else result)
            except BenchmarkError as error:
                failures[label] = str(error)
                say(f" failed after {time.monotonic() - begun:.1f} s\nbench: {error}")
            else:
                say(f" {time.monotonic() - begun:.1f} s")
    return figures, failures


def say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)


def medians(rounds: list[dict]) -> Figures:
    """The median of each plain number over the rounds."""
    names = [name for name, value in rounds[0].items() if isinstance(value, float | int)]
    return {name: statistics.median(figures[name] for figures in rounds) for name in names}


def compare(comparison: Comparison, group: Group, figures: dict[str, list[dict]], machine: Figures) -> dict:
    """One row of the table."""
    ours, theirs = figures[comparison.ours], figures[comparison.theirs]
    if not all(result.get("reached", True) for result in ours):
        best = min(result["best_return"] for result in ours)
        raise BenchmarkError(f"{comparison.work}: expected understudy to get there, got a best return of {best:.1f}")
    mine = [result[comparison.key] for result in ours]
    others = [result[comparison.theirs_key or comparison.key] for result in theirs]
    ratios = paired_ratios(mine, others, comparison.faster_is)
    what, floor = comparison.floor
    value, median = floor(medians(ours), machine), statistics.median(mine)
    row = {
        "work": comparison.work,
        "unit": comparison.unit,
        "ours": {"who": group.programs[comparison.ours].who, "median": median, "values": mine},
        "theirs": {
            "who": comparison.theirs_who or group.programs[comparison.theirs].who,
            "median": statistics.median(others),
            "values": others,
        },
        "ratio": spread(ratios) | {"values": ratios},
        "at_least": not all(result.get("reached", True) for result in theirs),
        "floor": {"what": what, "value": value, "ours": median / value},
    }
    if comparison.note_key:
        row["note"] = {
            "what": comparison.note_key,
            "ours": medians(ours)[comparison.note_key],
            "theirs": medians(theirs)[comparison.note_key],
        }
    return row


def report(group: Group, figures: dict, failures: dict, machine: Figures) -> dict:
    """What peers.json holds of one group."""
    rows, errors = [], list(failures.values())
    for comparison in group.comparisons:
        labels = (comparison.ours, comparison.theirs)
        left_out = [group.left_out[label] for label in labels if label in group.left_out]
        if left_out:
            rows.append(
                {"work": comparison.work, "skipped": f"{comparison.ours} against {comparison.theirs}: {left_out[0]}"}
            )
            continue
        failed = [label for label in labels if label in failures]
        try:
            if failed:
                raise BenchmarkError(failures[failed[0]])
            if isinstance(comparison, ScoreComparison):
                rows.append(score_row(comparison, group, figures))
            else:
                rows.append(compare(comparison, group, figures, machine))
        except (BenchmarkError, DataError) as error:
            errors.append(str(error))
            rows.append({"work": comparison.work, "error": str(error)})
    programs = {label: asdict(program) | {"figures": figures[label]} for label, program in group.programs.items()}
    return {"rounds": group.rounds, "rows": rows, "errors": list(dict.fromkeys(errors)), "programs": programs}


def describe_machine() -> dict:
    """Processor and versions, of both environments."""
    lock = dict(line.split("==") for line in PEERS_LOCK.read_text().split() if "==" in line)
    processor = platform.processor()
    if Path("/proc/cpuinfo").exists():
        fields = (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines())
        names = {name.strip(): value.strip() for name, _, value in fields}
        processor = f"{names.get('model name', processor)}, family {names.get('cpu family', 'unknown')}"
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "ours": {name: importlib.metadata.version(name) for name in PACKAGES[:4]},
        "peers": {name: lock[name] for name in PACKAGES},
    }


def is_measured(name: str, group: Group, chosen: dict[str, Group], only: list[str]) -> bool:
    """Whether a group is measured, of those that are chosen from: floors where any row needs them."""
    if name == "floors":
        return not only or any(not chosen[other].by_request for other in only)
    return name in only if only else not group.by_request


def write_seeds(measured: dict[str, Group], folder: Path) -> None:
    """For peers to read: the seeds of the episodes that our students learn from, of each run that some program names."""
    words = {word for group in measured.values() for program in group.programs.values() for word in program.arguments}
    for word in RUNS.keys() & words:
        seeds = open_sequences(RUNS[word] / SEQUENCES, "train").steps.episodes["seed"]
        (folder / f"{word}.json").write_text(json.dumps(seeds.tolist()))


def measure_all(
    chosen: dict[str, Group], only: list[str], settings: Settings, content: dict, path: Path, processor: str
) -> None:
    """Measure the groups into `content`, which is written after each: what is done stays when the rest is interrupted."""
    measured = {name: group for name, group in chosen.items() if is_measured(name, group, chosen, only)}
    machine: Figures = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_seeds(measured, folder)
        for name, group in measured.items():
            figures, failures = measure(name, group, settings, folder)
            if name == "floors":
                if failures:
                    raise BenchmarkError(failures["machine"])
                machine = medians(figures["machine"])
            content["groups"][name] = report(group, figures, failures, machine)
            content["groups"][name] |= {"settings": asdict(settings), "quick": settings.quick, "machine_rates": machine}
            content["groups"][name]["processor"] = processor
            with replace_file(path) as unfinished:
                unfinished.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that all of it runs, measures little")
    parser.add_argument("--rounds", type=int, help="turns of each group (5; with --quick 2)")
    parser.add_argument(
        "--seeds", type=int, help="trainings of ppo_time and of returns_longer, each (3; with --quick 1)"
    )
    parser.add_argument(
        "--only",
        metavar="NAME",
        nargs="+",
        default=[],
        help="ppo_rate, ppo_time, training, playing, recording, cost, dt_training, dt_playing, returns, returns_longer,"
        " q_training, q_online, q_returns, q_online_returns",
    )
    given = parser.parse_args()
    if any(number is not None and number < 1 for number in (given.rounds, given.seeds)):
        parser.error(f"--rounds, --seeds: expected at least 1, got {given.rounds} and {given.seeds}")
    settings = QUICK if given.quick else FULL
    settings = replace(settings, rounds=given.rounds or settings.rounds, seeds=given.seeds or settings.seeds)
    root = HERE / "quick" if given.quick else HERE
    path = root / "results/peers.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.loads(path.read_text()) if path.exists() else {"groups": {}}
    machine = describe_machine()
    content["machine"] = content.get("machine", machine) if given.only else machine
    try:
        chosen = groups(settings, load_params(Path("params.yaml")), Study.load(STUDY), Study.load(Q_STUDY))
        for name in given.only:
            if name not in chosen:
                parser.error(f"--only: expected some of {', '.join(chosen)}, got {name!r}")
        measure_all(chosen, given.only, settings, content, path, machine["processor"])
    except (BenchmarkError, DataError, ParameterError) as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted; the groups that were done are in peers.json")
    (root / "results/peers.md").write_text(markdown(content, list(chosen)))
    write_figures(root / "figures", content, list(chosen))
    errors = [error for name in chosen for error in content["groups"].get(name, {}).get("errors", [])]
    sys.exit("\n".join(f"bench: {error}" for error in errors) or None)


if __name__ == "__main__":
    main()
