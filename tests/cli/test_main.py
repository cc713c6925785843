"""The command line: every command has help and an example, and what goes wrong is a sentence and an exit code."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.builders import random_episodes
from tests.forked import start_stage
from tests.imports import ROOT
from tests.toys import tiny_policy
from understudy import read_environment, write_recording
from understudy.cli.main import COMMANDS, build_parser, custom_folders, main
from understudy.params.whole import load_params
from understudy.policies.files import save_policy
from understudy.replay import frames
from understudy.rollouts import parquet

CART_POLE = read_environment("CartPole-v1")


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    with pytest.raises(SystemExit) as left:
        main([str(each) for each in arguments])
    printed = capsys.readouterr()
    return left.value.code, printed.out, printed.err


@pytest.fixture
def recording(tmp_path):
    write_recording(tmp_path / "recording", CART_POLE, random_episodes(CART_POLE, [3, 2]), "me")
    return tmp_path / "recording"


@pytest.fixture
def policy(tmp_path):
    (tmp_path / "policy").mkdir()
    save_policy(tiny_policy("mlp", CART_POLE), tmp_path / "policy")
    return tmp_path / "policy"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert f"example: understudy {command} " in " ".join(out.split())


def test_completion_and_version(capsys):
    assert "complete" in run(capsys, "--print-completion", "bash")[1]
    assert run(capsys, "--version")[1].startswith("understudy ")
    assert build_parser().prog == "understudy"


def test_inspect_tells_what_lies_there(capsys, tmp_path, recording, policy):
    code, out, _ = run(capsys, "inspect", tmp_path)
    assert code == 0
    assert f"{recording}: a recording of me in CartPole-v1 with {{}}" in out
    assert f"{policy}: a policy of the family mlp for CartPole-v1 with {{}}" in out


def test_inspect_tells_who_played(capsys, tmp_path):
    episodes = [replace(each, player=number % 2) for number, each in enumerate(random_episodes(CART_POLE, [3, 2, 4]))]
    (tmp_path / "mixed").mkdir()
    parquet.write_recording(tmp_path / "mixed", CART_POLE, "expert", episodes, ["poor", "good"])
    out = run(capsys, "inspect", tmp_path / "mixed")[1]
    mean = (episodes[0].total_return + episodes[2].total_return) / 2
    assert f"  poor: 2 episodes, mean return {mean:.1f}\n  good: 1 episodes," in out


PROJECTS = {
    ".": ("a project in LunarLander-v3, demonstrated by ppo", "  mlp: score 0."),
    "studies/agents": ("a project of logs of agents, in data/transcripts", "  decoder: accuracy 0."),
    "studies/words/maze": ("a project of games in text, text_maze, by random", "  bc: return -"),
    "studies/generalist": (
        "a project of several tasks, cart_pole, acrobot, pendulum, lunar_lander,",
        "  policies coarse",
    ),
    "studies/words": ("a project of the stages draw", "  no metrics/summary.json: dvc repro makes"),
    "studies/pruning": ("a project of the stages prune_policy,", ""),
}


@pytest.mark.parametrize("project", PROJECTS)
def test_inspect_tells_of_every_kind_of_project(capsys, project):
    code, out, _ = run(capsys, "inspect", ROOT / project)
    assert code == 0
    assert all(part in out for part in PROJECTS[project])


def test_inspect_notices_another_content(capsys, policy):
    path = policy / "policy.json"
    path.write_text(
        path.read_text().replace('"num_layers": 2', '"num_layers": 1').replace('"num_layers": 1,', '"num_layers": 3,')
    )
    assert run(capsys, "inspect", policy)[0] == 1


BAD = [
    (["inspect", "nowhere"], 1, "understudy inspect: nowhere: expected a recording, sequences, a policy or a project"),
    (
        ["watch", "nowhere", "--out", "x.webp"],
        1,
        "understudy watch: nowhere: expected a policy or a recording, found none",
    ),
    (
        ["watch", "policy", "--out", "x.avi"],
        2,
        "--out: expected a name that ends with .webp, .gif, .mp4, .png, got x.avi",
    ),
    (["watch", "policy", "--worst", "2"], 2, "--worst, --best: expected a recording to choose from, got a policy"),
    (["watch", "policy", "--play", "200"], 2, "--play: expected settings such as '{target_return: 200}', got '200'"),
    (
        ["watch", "policy", "--play", "{a: [}"],
        2,
        "--play: expected settings such as '{target_return: 200}', got '{a: [}'",
    ),
    (["watch", "policy", "--play", "{target_return: 2}"], 2, "--play.target_return: "),
    (["watch", "policy"], 2, "expected a display to show a window on, found none; --out FILE.webp"),
    (["watch", "recording", "--seed", "99"], 2, "--seed: expected a seed that recording holds"),
    (["export", "npz", "nowhere", "--to", "x"], 1, "nowhere/steps.parquet: expected a recording, found no such file"),
    (
        ["import", "nowhere.npz", "--environment", "CartPole-v1", "--to", "new"],
        2,
        "expected a file or a folder, found no nowhere",
    ),
    (
        ["import", "recording", "--environment", "CartPole-v1", "--to", "policy"],
        2,
        "--to: expected a folder that does not exist",
    ),
    (
        ["import", "recording", "--environment", "Pendulum-v1", "--to", "new"],
        1,
        "recording: expected a policy for Pendulum-v1",
    ),
    (
        ["import", "notes.txt", "--environment", "CartPole-v1", "--to", "new"],
        2,
        "--format: expected one of npz, hdf5, minari",
    ),
    (["new", "policy"], 2, "policy: expected a folder that does not exist yet, since nothing is overwritten"),
    (["play", "CartPole-v1", "--out", "new"], 2, "expected a display to play on, found none"),
    (
        ["play", "Pendulum-v1", "--out", "new"],
        2,
        "expected an environment of choices to play by keys, Pendulum-v1 has vectors",
    ),
    (
        ["play", "CartPole-v1", "--out", "new", "--keys", "a=5"],
        2,
        "--keys: expected a key and an action from 0 to 1, got 'a=5'",
    ),
]


@pytest.mark.parametrize(("arguments", "code", "says"), BAD, ids=[" ".join(each[0]) for each in BAD])
def test_what_goes_wrong_is_a_sentence(capsys, monkeypatch, tmp_path, recording, policy, arguments, code, says):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("notes")
    if arguments == ["watch", "recording", "--seed", "99"]:
        arguments = [*arguments, "--out", "x.png"]
    got, _, err = run(capsys, *arguments)
    assert (got, err.count("\n")) == (code, 1)
    assert says in err
    assert not (tmp_path / "new").exists()


def test_a_project_of_one_s_own_demonstrations_holds_all_that_it_runs(capsys, tmp_path):
    angles = np.zeros((6, 4))
    arrays = {
        "observations": angles,
        "actions": [0, 1, 0, 1, 1, 0],
        "rewards": np.ones(6),
        "terminals": [0, 0, 1, 0, 0, 1],
    }
    np.savez(tmp_path / "demos.npz", **arrays)
    arguments = ("import", tmp_path / "demos.npz", "--environment", "CartPole-v1", "--to", tmp_path / "mine")
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (0, "")
    assert out.startswith("2 episodes, mean return 3.0, are copied to")
    for name in (
        "pipeline/run.py",
        "src/understudy/spec.py",
        "custom/README.md",
        ".dvc/config",
        ".git",
        "demonstrations/demos.npz",
    ):
        assert (tmp_path / "mine" / name).exists(), name
    command = ["python", "pipeline/run.py", "import_demonstrations"]
    done = subprocess.run(command, cwd=tmp_path / "mine", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "2 episodes, 6 steps, mean return 3.0 (3.0 to 3.0)\n"), done.stderr
    assert start_stage(tmp_path / "mine", ["import_demonstrations"]).wait()[0] == 0  # again
    (tmp_path / "mine/data/raw/notes.txt").write_text("mine")
    code, _, said = start_stage(tmp_path / "mine", ["import_demonstrations"]).wait()
    assert code == 1
    assert "data/raw: expected nothing, or what this stage has written before, got a file notes.txt" in said


def test_in_a_checkout_a_project_is_a_study_on_its_programs_and_cache(capsys, tmp_path):
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/run.py").touch()
    (tmp_path / "src/understudy").mkdir(parents=True)
    (tmp_path / "src/understudy/__init__.py").touch()
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    code, _, err = run(capsys, "new", tmp_path / "studies/mine")
    assert (code, err) == (0, "")
    study = tmp_path / "studies/mine"
    assert "vars: [{root: ../..}]" in (study / "dvc.yaml").read_text()
    assert "dir = ../../../.dvc/cache" in (study / ".dvc/config").read_text()
    assert not (study / "src").exists() and not (study / ".git").exists()
    assert [path.name for path in (tmp_path / "studies").iterdir()] == ["mine"]


def test_a_project_that_cannot_be_made_whole_is_not_there(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    code, _, err = run(capsys, "new", tmp_path / "mine")
    assert code == 2
    assert "git: expected it to be installed" in err
    assert list(tmp_path.iterdir()) == []


def test_what_the_user_typed_is_quoted(capsys, tmp_path):
    arrays = {"observations": np.zeros((2, 4)), "actions": [0, 1], "rewards": np.ones(2), "terminals": [0, 1]}
    np.savez(tmp_path / "my demos: #1.npz", **arrays)
    arguments = ("--environment", "CartPole-v1", "--wrapper", "FlattenObservation", "--to", tmp_path / "mine")
    assert run(capsys, "import", tmp_path / "my demos: #1.npz", *arguments)[0] == 0
    params = load_params(tmp_path / "mine/params.yaml")
    assert params.demonstrations.path == "demonstrations/my demos: #1.npz"
    assert params.environment.wrappers == [{"name": "FlattenObservation"}]


def test_a_report_elsewhere_than_in_a_project_is_refused(capsys, tmp_path):
    code, _, err = run(capsys, "report", tmp_path, "--out", tmp_path / "x.html")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"understudy report: {tmp_path / 'params.yaml'}: expected a file with parameters, found none")
    assert not (tmp_path / "x.html").exists()
    assert "--out: expected a name that ends with .html, got x.pdf" in run(capsys, "report", "--out", "x.pdf")[2]


@pytest.mark.parametrize("project", ["agents", "words/maze", "generalist"])
def test_a_report_of_a_project_without_an_environment_is_refused(capsys, tmp_path, project):
    code, _, err = run(capsys, "report", ROOT / "studies" / project, "--out", tmp_path / "x.html")
    assert (code, err.count("\n")) == (2, 1)
    assert "params.yaml: expected a project that is judged in its environment, got one of logs, games in text or" in err
    assert not (tmp_path / "x.html").exists()


def test_a_policy_is_watched_by_the_settings_that_are_given(capsys, tmp_path, monkeypatch):
    (tmp_path / "policy").mkdir()
    save_policy(tiny_policy("rvs", CART_POLE), tmp_path / "policy")
    flown = []

    def fly(trained, seed, play):
        flown.append((seed, play))
        return frames_fly(trained, seed, play)

    frames_fly = frames.fly
    monkeypatch.setattr(frames, "fly", fly)
    arguments = ("watch", tmp_path / "policy", "--seed", "3", "--out", tmp_path / "x.png")
    assert run(capsys, *arguments, "--play", "{target_return: 2}")[0] == 0
    assert run(capsys, *arguments)[0] == 0
    assert flown == [(3, {"target_return": 2}), (3, {})]


def test_modules_of_the_project_s_own_are_found_as_the_pipeline_finds_them(tmp_path):
    (tmp_path / "pipeline").mkdir()
    assert custom_folders(tmp_path / "study") == []
    (tmp_path / "pipeline/run.py").touch()
    assert custom_folders(tmp_path / "study") == [tmp_path / "custom"]


def test_a_command_finds_them(capsys, tmp_path, monkeypatch):
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/run.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    run(capsys, "inspect", "nowhere")
    assert sys.path[-1] == str(tmp_path / "custom")
