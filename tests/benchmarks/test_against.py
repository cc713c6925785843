"""Two trees of a toy project whose programs print known figures, and whose pipeline copies one file."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import against
from benchmarks.against import AgainstError, Tree, Work

DVC_YAML = """
stages:
  train_policy:
    foreach: [decoder]
    do:
      cmd: cp params.yaml made
      params: [training.steps]
      outs: [made]
"""
PROGRAM = """
import json, sys
from pathlib import Path
import understudy
assert Path("made").exists()
assert sys.argv[1] in ("--rows", "--work")
print(json.dumps({"steps_per_second": 100 * understudy.PACE, "bare_steps_per_second": 50}))
"""


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.email=test@example.com", "-c", "user.name=test")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def write(folder: Path, pace: float, program: str = PROGRAM) -> None:
    files = {
        "params.yaml": "training:\n  steps: 600\n  batch_size: 32\n",
        "dvc.yaml": DVC_YAML,
        ".dvc/config": "[core]\n    analytics = false\n",
        "src/understudy/__init__.py": f"PACE = {pace}\n",
    }
    files |= {f"benchmarks/ours/{name}.py": program for name in ("decoder_training", "decoder_playing", "recording")}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture
def project(tmp_path):
    """A repository whose commit has a pace of 2, and whose files, not committed, one of 3."""
    write(tmp_path, 2.0)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "the commit before")
    write(tmp_path, 3.0)
    return tmp_path


def test_both_trees_run_their_own_code_and_the_ratio_is_of_their_paces(project, capsys):
    ratios = against.against(project, "HEAD", 2, False, "float32")
    assert list(ratios.values()) == [1.5] * 3
    printed, said = capsys.readouterr()
    lines = printed.splitlines()
    assert lines[2] == "| training a decoder on 64 rows of 20 steps, float32 | 300 | 200 | 1.500 [1.500, 1.500] |"
    assert lines[4] == "| the bare environment, same actions | 50 | 50 | 1.000 [1.000, 1.000] |"
    assert len(lines) == 6
    turns = [line.split(": ")[2].split(" ...")[0] for line in said.splitlines() if "decoder_playing, round" in line]
    assert (turns[0], turns[3]) == ("this tree", "this tree")
    assert turns[1] == turns[2] != "this tree"
    assert not (project / "made").exists()


def test_a_tree_whose_program_fails_is_measured_by_this_trees(project, tmp_path, capsys):
    trees = [Tree("this tree", project), Tree("abc", tmp_path / "other")]
    write(trees[1].folder, 2.0, "raise ImportError('an older name')\n")
    for tree in trees:
        (tree.folder / "made").touch()
    [work] = [work for work in against.works(True, "float32") if work.program == "recording"]
    values = against.compare(work, tuple(trees), 1)
    assert values == {"steps_per_second": [[300.0], [200.0]]}
    assert "abc is measured by this tree's recording, since its own fails" in capsys.readouterr().err
    with pytest.raises(
        AgainstError, match=r"recording --work .* exit code 1, which ends with: ImportError: an older name$"
    ):
        against.choose_programs(work, trees[1], trees[1])


def test_the_pipeline_is_made_small_by_the_keys_that_it_has(project):
    against.make_data(
        Tree("this tree", project), {"training.steps": 20, "training.patience": 3, "expert.ppo.n_steps": 1}
    )
    assert (project / "made").read_text() == "training:\n  steps: 20\n  batch_size: 32\n"


def test_a_tree_without_the_stage_is_refused_by_name(project):
    (project / "dvc.yaml").write_text("stages:\n  learn:\n    cmd: echo\n")
    with pytest.raises(AgainstError, match=r"^abc: expected a stage train_policy@decoder, got learn$"):
        against.make_data(Tree("abc", project), {})


def test_an_unknown_commit_is_refused(project, tmp_path):
    with pytest.raises(AgainstError, match=r"^git rev-parse .* nowhere.*exit code 128"):
        against.copy_of_commit(project, "nowhere", tmp_path / "other")


@pytest.mark.parametrize(
    ("ratio", "code"), [(0.96, "expected at least 0.97 of HEAD's pace, got playing: 0.960"), (0.98, None)]
)
def test_a_slower_tree_is_an_error(monkeypatch, ratio, code):
    monkeypatch.setattr(against, "against", lambda *_: {"playing": ratio})
    monkeypatch.setattr(sys, "argv", ["against", "--ref", "HEAD"])
    if code is None:
        return against.main()
    with pytest.raises(SystemExit, match=f"^against: {code}$"):
        against.main()


def test_programs_and_figures_are_those_of_this_tree():
    for work in against.works(False, "float32"):
        source = (against.ROOT / f"benchmarks/ours/{work.program}.py").read_text()
        told = [key for key in work.rows if key != "share_of_bare"]  # which is made of the two that playing tells
        assert [key for key in told if f'"{key}"' not in source] == []
        assert [word for word in work.arguments.split() if word.startswith("--") and f'"{word}"' not in source] == []
    assert isinstance(against.works(True, "bfloat16")[0], Work)
