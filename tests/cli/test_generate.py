"""understudy generate: turns on the screen, and a sentence for every mistake."""

import pytest

from tests.generation.policies import WORDS, text_policy
from tests.toys import CHOICES, tiny_policy
from understudy.cli.main import main
from understudy.policies.files import save_policy


@pytest.fixture(autouse=True)
def policies(tmp_path, monkeypatch):
    """Folders ilql, of two training seeds, bc, and mlp, which writes no text."""
    monkeypatch.chdir(tmp_path)
    made = {"ilql/seed_0": text_policy("language_q"), "ilql/seed_1": text_policy("language_bc")}
    for name, policy in (made | {"bc": text_policy("language_bc"), "mlp": tiny_policy("mlp", CHOICES)}).items():
        (tmp_path / name).mkdir(parents=True)
        save_policy(policy, tmp_path / name)


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["generate", *arguments])
    return left.value.code


def test_turns_are_written_with_their_likelihoods(capsys) -> None:
    assert call("ilql", "--n", "5", "--seed", "2") == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 5
    assert {line.split()[0] for line in said.splitlines()} <= set(WORDS)
    assert call("ilql", "--n", "5", "--seed", "2") == 0
    assert capsys.readouterr().out == said


def test_a_beam_goes_on_from_a_prompt_and_beta_counts(capsys) -> None:
    found = []
    for beta in ("0", "9"):
        assert call("ilql", "--prompt", "dog<b><g><b>c", "--n", "2", "--beam", "4", "--beta", beta) == 0
        found.append(capsys.readouterr().out)
    assert all({line.split()[0] for line in each.splitlines()} == {"cat", "cow"} for each in found)
    assert found[0] != found[1]


def test_values_are_shown_of_the_whole_text(capsys) -> None:
    assert call("ilql", "--prompt", "dog<b><g><b>", "--temperature", "0", "--values") == 0
    lines = capsys.readouterr().out.splitlines()
    word = lines[0].split()[0]
    assert [line.split()[0] for line in lines[1:] if line] == ["token", *"dog", *word]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("bc", "--n", "0"), 2, "--n: expected at least 1, got 0"),
        (("bc", "--temperature", "-1"), 2, "--temperature: expected a number from 0, got -1.0"),
        (("bc", "--n", "3", "--beam", "2"), 2, "--beam: expected at least --n = 3, got 2"),
        (
            ("bc", "--prompt", "d?"),
            2,
            "--prompt: expected tokens among a b c d e f g h i j k l m n o p q r s t u v w x y z",
        ),
        (("bc", "--prompt", "dogs"), 2, "--prompt: expected a reply after 3 tokens, got 'dogs'"),
        (("bc", "--values"), 2, "--values: expected a policy of the family language_q, got language_bc"),
        (("bc", "--beta", "1"), 2, "language_bc.play.beta: expected one of the keys none, got an unknown one"),
        (("ilql", "--beta", "-1"), 2, "--beta: expected a number from 0, got -1.0"),
        (("mlp",), 1, "Toy-v0: expected a policy that has learned from games in text, got one of another kind"),
        (("nowhere",), 1, "nowhere/policy.json: expected a file, found none"),
    ],
)
def test_mistakes_are_a_sentence(capsys, arguments, code, sentence) -> None:
    assert call(*arguments) == code
    printed, said = capsys.readouterr()
    assert said.startswith(f"understudy generate: {sentence}"), said
    assert (said.count("\n"), printed) == (1, "")
