"""Small worlds for the tests: environments, random episodes, a recording and a store on disk, sequences by hand.

CHOICES, VECTORS                 -- specs of an environment with three choices, and with vectors of two entries
SEVERAL_CHOICES, SEVERAL_VECTORS -- the same for three agents side by side
random_episodes(spec, lengths)   -- episodes with different numbers everywhere
written_recording, written_store -- the same on disk
unscaled(spec)                   -- an interface that leaves states and returns as they are
by_hand, in_random_states        -- sequences of given numbers
with_columns(sequences, ...)     -- others in their place
in_other_units(sequences)        -- the same action vectors, of an environment with larger ones
two_rules(spec, seed)            -- demonstrations in which the step is known where one rule follows another
refused(kind, *parts)            -- the block must fail with one line that holds the parts
printed_by(program, ...)         -- what a program prints in a fresh process
imported(path)                   -- a program outside of the package, as a module
call_stage(name, ...)            -- a stage's program, in this process
plays_of(name, ...)              -- the same of one that evaluates, and the settings by which its actor has played
call_pipeline(folder, policies)  -- those of the whole pipeline, but for the report
seal(content)                    -- an edited policy.json with the hash of what it now says
parameters_text(changes)         -- the committed params.yaml with mistakes made in it
"""

import copy
import importlib.util
import inspect
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from ruamel.yaml import YAML

from tests.read_once import files_read_once
from understudy.episode import NO_OPTION, Episode
from understudy.interface import Interface, Task, action_scales
from understudy.params.load import load_sections
from understudy.rollouts import record as recording
from understudy.rollouts.parquet import open_recording, write_recording
from understudy.scales import Scales
from understudy.sequences.build import write_sequences
from understudy.sequences.split_file import SplitWriter, map_split
from understudy.sequences.store import Sequences
from understudy.spec import EnvironmentSpec
from understudy.utils.jsonfile import content_hash

CHOICES = EnvironmentSpec("Toy-v0", {}, ("x", "y", "z"), 3, None, None, None)
VECTORS = EnvironmentSpec("ToyContinuous-v0", {"wind": 1.5}, ("x", "y", "z"), None, (-1.0, -2.0), (1.0, 0.5), 12.5)
SEVERAL_CHOICES, SEVERAL_VECTORS = replace(CHOICES, num_agents=3), replace(VECTORS, num_agents=3)
PARAMETERS_FILE = Path(__file__).parents[1] / "params.yaml"
PARAMETERS = YAML(typ="safe", pure=True).load(PARAMETERS_FILE.read_text(encoding="utf-8"))
SPECS = [pytest.param(CHOICES, id="choices"), pytest.param(VECTORS, id="vectors")]


def examples(count: int) -> settings:
    """Hypothesis settings: so many examples, the same in every run, however slow the machine is."""
    return settings(max_examples=count, deadline=None, derandomize=True)


@contextmanager
def refused(kind: type[Exception], *parts: str) -> Iterator[None]:
    """Hold that the block raises exactly `kind`, in one line, which holds all `parts`."""
    with pytest.raises(kind) as caught:
        yield
    message = str(caught.value)
    assert caught.type is kind
    assert len(message.splitlines()) == 1, message
    assert [part for part in parts if part not in message] == [], message


def printed_by(program: str, *arguments: str) -> str:
    """What a Python program prints in a fresh process at the repository's root, which must end well and say nothing else."""
    environment = {"PYTHONPATH": "src", "OMP_NUM_THREADS": "1"}
    command, root = [sys.executable, "-c", program, *arguments], PARAMETERS_FILE.parent
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def imported(path: Path) -> ModuleType:
    """The program at `path` as a module of its own; nothing of it runs but what runs at import."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def call_stage(name: str, /, **arguments: str | int) -> None:
    """Run a stage's program in this process and in the present folder, on its params.yaml."""
    work = imported(PARAMETERS_FILE.parent / "pipeline" / f"{name}.py").work
    annotations = inspect.get_annotations(work)
    if "without_expert" in annotations:
        arguments = {"without_expert": False, **arguments}
    sections = {key: kind for key, kind in annotations.items() if key not in {"return", *arguments}}
    work(**arguments, **load_sections(Path("params.yaml"), sections))


def plays_of(name: str, /, **arguments: str | int) -> dict[str, dict[str, Any]]:
    """Run a stage that evaluates, and say by which settings its actor has played, by the way's name; "" for the plain way."""
    played, play = {}, recording.record

    def record(plan, *given, blocks_folder, **options):
        played[blocks_folder.name.removeprefix("way").strip()] = plan.actor().play
        return play(plan, *given, blocks_folder=blocks_folder, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "record", record)
        call_stage(name, **arguments)
    return played


def call_pipeline(folder: Path, policies: Iterable[str], *, without_expert: bool = False) -> None:
    """Run the stages up to `compare` in this process, on the params.yaml of a folder and from training seed 0."""
    begun = ("import_demonstrations",) if without_expert else ("train_expert", "record_rollouts")
    whether = {"without_expert": True} if without_expert else {}
    threads = torch.get_num_threads()
    with chdir(folder):
        with files_read_once():
            call_stage("code")
        for stage in (*begun, "build_sequences", "label_options", "select_columns"):
            call_stage(stage)
        call_stage("evaluate_references", **whether)
        for name in policies:
            call_stage("train_policy", policy=name, seed=0)
            call_stage("evaluate_policy", policy=name, seed=0, **whether)
        call_stage("compare", **whether)
    torch.set_num_threads(threads)


def random_actions(spec: EnvironmentSpec, generator: np.random.Generator, *shape: int) -> np.ndarray:
    """Actions (*shape,) int64 or (*shape, A) float32 within the action space."""
    if spec.discrete_actions:
        return generator.integers(spec.num_actions, size=shape)
    return generator.uniform(spec.action_low, spec.action_high, (*shape, spec.action_dim)).astype(np.float32)


def random_episode(spec: EnvironmentSpec, seed: int, length: int, *, truncated: bool = False) -> Episode:
    """An episode whose executed and demonstrated actions are drawn apart."""
    generator, agents = np.random.default_rng(seed), () if spec.num_agents == 1 else (spec.num_agents,)
    return Episode(
        seed=seed,
        observations=generator.normal(size=(length, *agents, spec.state_dim)).astype(np.float32),
        actions=random_actions(spec, generator, length, *agents),
        demonstrated_actions=random_actions(spec, generator, length, *agents),
        rewards=generator.normal(size=(length, *agents)).astype(np.float32),
        options=np.full((length, *agents), NO_OPTION, dtype=np.int16),
        final_observation=generator.normal(size=(*agents, spec.state_dim)).astype(np.float32),
        terminated=not truncated,
        truncated=truncated,
    )


def random_episodes(spec: EnvironmentSpec, lengths: Sequence[int], truncated: Sequence[int] = ()) -> list[Episode]:
    """Episodes of these lengths with seeds 100, 101, ...; those whose numbers are in `truncated` end by the clock."""
    return [
        random_episode(spec, 100 + number, length, truncated=number in truncated)
        for number, length in enumerate(lengths)
    ]


def assert_same_episode(got: Episode, expected: Episode) -> None:
    """Hold that two episodes agree in every value and type."""
    for field in fields(Episode):
        one, other = np.asarray(getattr(got, field.name)), np.asarray(getattr(expected, field.name))
        assert one.dtype == other.dtype, field.name
        np.testing.assert_array_equal(one, other, err_msg=field.name)


def written_recording(folder: Path, spec: EnvironmentSpec, episodes: Sequence[Episode]) -> Path:
    """Write a recording into the new folder `folder`."""
    folder.mkdir(parents=True)
    write_recording(folder, spec, "teacher", episodes)
    return folder


def written_store(
    folder: Path,
    spec: EnvironmentSpec,
    episodes: Sequence[Episode],
    *,
    held_out: Sequence[int] = (0,),
    hidden: tuple[str, ...] = (),
) -> Path:
    """Record `episodes` in folder/raw and build folder/sequences of them; the episodes `held_out` validate."""
    raw = written_recording(folder / "raw", spec, episodes)
    training = np.setdiff1d(np.arange(len(episodes)), held_out)
    store = folder / "sequences"
    store.mkdir()
    splits = {"train": training, "validation": np.asarray(held_out)}
    write_sequences(store, open_recording(raw), hidden, splits)
    return store


def unscaled(spec: EnvironmentSpec) -> Interface:
    """An interface of one task whose states and returns keep their units; action vectors have the environment's range."""
    middle, half_range = action_scales(spec)
    scales = replace(Scales.identity(spec.state_dim, 0), action_middle=middle, action_half_range=half_range)
    return Interface((Task(spec, (), scales),))


def by_hand(
    spec: EnvironmentSpec,
    states: np.ndarray,
    labels: np.ndarray,
    lengths: Sequence[int],
    *,
    actions: np.ndarray | None = None,
    rewards: np.ndarray | None = None,
    returns_to_go: np.ndarray | None = None,
    truncated: Sequence[int] = (),
    finals: np.ndarray | None = None,
    interface: Interface | None = None,
) -> Sequences:
    """Sequences in a file without a name whose states are not scaled; the actions are the labels; what is not given is zero."""
    states, numbers = np.asarray(states), np.arange(len(lengths))
    interface = unscaled(spec) if interface is None else interface
    late = np.isin(numbers, truncated)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "train.arrow"
        episodes = {
            "episode": numbers,
            "seed": numbers,
            "length": lengths,
            "terminated": ~late,
            "truncated": late,
            "final_observation": np.zeros((len(numbers), states.shape[1])) if finals is None else finals,
        }
        SplitWriter(path, interface.task, episodes).write(
            observation=states,
            action=labels if actions is None else actions,
            label=labels,
            reward=np.zeros(len(states)) if rewards is None else rewards,
            return_to_go=np.zeros(len(states)) if returns_to_go is None else returns_to_go,
        )
        steps = map_split(path, interface.task)
    return Sequences(interface, steps, "0" * 64)


def with_columns(sequences: Sequences, **columns: np.ndarray) -> Sequences:
    """The same sequences with other states, labels, actions, rewards or returns_to_go."""
    kept = {name: getattr(sequences, name) for name in ("states", "labels", "actions", "rewards", "returns_to_go")}
    other = by_hand(sequences.spec, lengths=np.diff(sequences.offsets), interface=sequences.interface, **kept | columns)
    return replace(sequences, steps=other.steps)


def in_other_units(sequences: Sequences, unit: float = 2.0**-12) -> Sequences:
    """The same action vectors, measured in `unit` as their bounds are; a power of two changes no digit."""
    low, high = (
        tuple(bound / unit for bound in bounds) for bounds in (sequences.spec.action_low, sequences.spec.action_high)
    )
    task = unscaled(replace(sequences.spec, action_low=low, action_high=high)).task
    stretched = Interface((replace(task, num_options=sequences.task.num_options),))
    scaled = replace(sequences, interface=stretched)
    return with_columns(scaled, labels=sequences.labels / unit, actions=sequences.actions / unit)


def in_random_states(spec: EnvironmentSpec, labels: np.ndarray, lengths: Sequence[int], seed: int = 0) -> Sequences:
    """Sequences of given demonstrated actions."""
    return by_hand(spec, np.random.default_rng(seed).normal(size=(len(labels), spec.state_dim)), labels, lengths)


def two_rules(spec: EnvironmentSpec, seed: int, episodes: int = 12) -> tuple[Sequences, np.ndarray]:
    """Demonstrations of 60 to 100 steps that change once from a rule to another, and the rule (N,) at each step.

    Odd episodes begin with the second rule. It does the opposite of the first: the actions alone, without the states,
    do not tell them apart.
    """
    generator = np.random.default_rng(seed)
    states, labels, rules, lengths = [], [], [], []
    for number in range(episodes):
        length = int(generator.integers(60, 100))
        switch = int(generator.integers(25, length - 25))
        rule = ((np.arange(length) >= switch) + number) % 2
        state = generator.normal(size=(length, 3))
        states.append(state)
        labels.append(_follow(spec, state, rule, generator))
        rules.append(rule)
        lengths.append(length)
    return by_hand(spec, np.concatenate(states), np.concatenate(labels), lengths), np.concatenate(rules)


def _follow(spec: EnvironmentSpec, states: np.ndarray, rule: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    sign = 1 - 2 * rule
    if not spec.discrete_actions:
        return sign[:, None] * (states @ [[0.5, 0.0], [0.0, 0.3], [0.0, 0.0]]) + generator.normal(
            0.0, 0.05, (len(states), 2)
        )
    slips = generator.random(len(states)) < 0.05
    return np.where(slips, generator.integers(3, size=len(states)), sign * states[:, 0] > 0)


def parameters_text(changes: dict[str, str], content: dict = PARAMETERS) -> str:
    """The committed parameters with dotted keys set to raw YAML text, as it would be typed, in flow style."""
    changed = copy.deepcopy(content)
    for number, key in enumerate(changes):
        *parents, last = key.split(".")
        section = changed
        for parent in parents:
            section = section[parent]
        section[last] = f"@{number}@"
    text = json.dumps(changed)
    for number, raw in enumerate(changes.values()):
        text = text.replace(f'"@{number}@"', raw)
    return text


def seal(content: dict) -> None:
    """Give an edited policy.json the hash of what it now says."""
    content.pop("sha256", None)
    content["sha256"] = content_hash(content)
