"""From games of Wordle to a policy that spells words, stage by stage."""

import numpy as np
import pytest

from tests.builders import call_stage, refused
from tests.tasks.project import PARAMS
from understudy.errors import DataError, ParameterError
from understudy.params.project import load_project
from understudy.rollouts.parquet import read_recording
from understudy.utils.jsonfile import read_json, write_json
from understudy.word_evaluation.games_file import read_games


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


def test_a_decoder_learns_the_next_token(project, capsys):
    call_stage("record_words")
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in said] == [
        "random: 30 games",
        "consistent 0.5: 100 games",
        "greedy_entropy: 70 games",
    ]
    recording = read_recording(project / "data/raw")
    assert recording.episodes["seed"].tolist() == list(range(500, 700))
    assert np.bincount(recording.episodes["player"]).tolist() == [30, 100, 70]
    call_stage("build_sequences")
    write_json(project / "data/code/select_columns.json", {"reads": {"decoder": ["action", "label", "observation"]}})
    call_stage("train_policy", policy="decoder", seed=0)
    accuracy = read_json(project / "models/decoder/seed_0/held_out.json")
    assert accuracy["action_accuracy"] > 0.7  # two letters of three are told by the first, of which there are six


READS = {
    "decoder": ["action", "label", "observation"],
    "bc": ["label", "observation"],
    "ilql": ["action", "final_observation", "label", "observation", "reward", "terminated", "truncated"],
}


def test_policies_are_judged_beside_demonstrators_on_the_same_games(project, capsys):
    for stage in ("record_words", "build_sequences", "evaluate_word_players"):
        call_stage(stage)
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text[: text.index("  decoder:")] + text[text.index("  bc:") :])
    write_json(project / "data/code/select_columns.json", {"reads": {name: READS[name] for name in ("bc", "ilql")}})
    call_stage("select_columns")
    for name in ("bc", "ilql"):
        call_stage("train_policy", policy=name, seed=0)
        call_stage("evaluate_words", policy=name, seed=0)
    files = sorted(path.name for path in (project / "data/evaluation/ilql/seed_0").iterdir())
    assert files == [f"{way}.parquet" for way in ("better_greedy", "better_sampled", "greedy", "sampled")]
    again = (project / "data/evaluation/ilql/seed_0/better_sampled.parquet").read_bytes()
    call_stage("evaluate_words", policy="ilql", seed=0)
    assert (project / "data/evaluation/ilql/seed_0/better_sampled.parquet").read_bytes() == again
    capsys.readouterr()
    call_stage("compare_words")
    said = capsys.readouterr().out
    assert (project / "metrics/results.md").read_text() == said
    summary = read_json(project / "metrics/summary.json")
    assert sorted(summary) == ["bc", "consistent 1", "data", "ilql", "random"]
    assert sorted(summary["ilql"]["ways"]) == ["better_greedy", "better_sampled", "greedy", "sampled"]
    games = read_games(project / "data/evaluation/ilql/seed_0/greedy.parquet")
    assert summary["ilql"]["ways"]["greedy"]["return"] == pytest.approx(games.returns.mean())
    assert "difference" not in summary["bc"] and "difference" in summary["random"]
    assert -5 < summary["bc"]["return"] < 0
    call_stage("report_words")
    page = (project / "metrics/report.html").read_text()
    assert page.count('title="Q ') > 9  # letters of three games, with what they are worth
    assert f"{summary['bc']['return']:.3f}" in page


def test_games_that_were_recorded_are_none_to_judge_by(project):
    text = PARAMS.replace("first_seed: 2000000", "first_seed: 690")
    (project / "params.yaml").write_text(text)
    with refused(
        ParameterError, "word_evaluation.first_seed: expected seeds that words.first_seed does not use, got 10"
    ):
        load_project(project / "params.yaml")


def test_games_of_other_seeds_are_not_compared(project):
    call_stage("evaluate_word_players")
    (project / "params.yaml").write_text(PARAMS.replace("games: 40", "games: 41"))
    with refused(DataError, "data/players/random.parquet: expected the games of word_evaluation, got others"):
        call_stage("compare_words")


def test_the_same_again_is_the_same_to_the_byte_and_nothing_of_others_is_overwritten(project):
    call_stage("record_words")
    before = (project / "data/raw/steps.parquet").read_bytes()
    call_stage("record_words")
    assert (project / "data/raw/steps.parquet").read_bytes() == before
    (project / "data/raw/mine.txt").write_text("mine")
    with refused(DataError, "data/raw: expected nothing", "mine.txt"):
        call_stage("record_words")
