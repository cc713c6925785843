"""The examples run as they are, and what they print is what they claim."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def printed(request, capsys) -> Iterator[list[str]]:
    """The lines that the example of the test's name prints."""
    threads = torch.get_num_threads()
    name = request.node.name.removeprefix("test_")
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    yield capsys.readouterr().out.splitlines()
    torch.set_num_threads(threads)


def test_three_models(printed: list[str]) -> None:
    assert printed[:4] == [
        "ActionTransformer, choices: (4, 10, 4) (4, 10)",
        "ActionTransformer, vectors: (4, 10, 2) (4, 10)",
        "HierarchicalTransformer: (4, 10, 5) (4, 10, 4) (4, 10)",
        "MultiAgentTransformer: (4, 3, 10, 4) (4, 3, 10) (4, 3, 10, 64)",
    ]
    assert re.fullmatch(r"its last state looks most at the (state|action) of step \d", printed[4])


def test_training_loop(printed: list[str]) -> None:
    action, value, accuracy = zip(
        *([float(number) for number in re.findall(r"\d\.\d+", line)] for line in printed), strict=True
    )
    assert action[-1] < 0.1 < action[0]
    assert value[-1] < 0.018 < value[0]
    assert accuracy[-1] > 0.95


def test_multi_agent(printed: list[str]) -> None:
    assert printed[0] == "other states of the inactive agent leave every prediction as it was: True"
    assert printed[1].startswith("losses over 30 steps: ")
    assert [line[:7] for line in printed[2:]] == ["step 0:", "step 1:", "step 2:"]


def test_hierarchical(printed: list[str]) -> None:
    losses = [re.findall(r"([a-z]+) (\d\.\d+)", line) for line in printed[:3]]
    assert [name for name, _ in losses[0]] == ["action", "option", "termination", "value"]
    assert all(float(last) < float(first) for (_, first), (_, last) in zip(losses[0][:3], losses[-1][:3], strict=True))
    demonstrated, followed = (line.split(":")[1].strip() for line in printed[3:])
    assert followed == demonstrated


def test_every_example_has_a_test() -> None:
    assert {f"test_{path.stem}" for path in EXAMPLES.glob("*.py")} <= set(globals())
