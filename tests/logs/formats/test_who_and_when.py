"""Several agents: who spoke, to whom, and at which place of the history."""

from tests.logs.samples import WHO_AND_WHEN
from understudy.logs.formats.who_and_when import read


def test_agents_thoughts_and_addressees_come_out():
    [run] = read(WHO_AND_WHEN)
    assert [(part.turn, part.role, part.actor, part.kind, part.tool) for part in run.parts] == [
        (0, "user", "human", "text", None),
        (1, "assistant", "Orchestrator", "thought", None),
        (2, "assistant", "Orchestrator", "text", "WebSurfer"),
        (3, "assistant", "WebSurfer", "text", None),
        (4, "environment", "ComputerTerminal", "text", None),
    ]
    assert [part.decision for part in run.parts] == [False, True, True, True, False]
    assert run.metadata["mistake_agent"] == "WebSurfer"
    assert run.parts[int(run.metadata["mistake_step"])].actor == "WebSurfer"


def test_experts_are_known_by_their_names():
    history = [{"role": "user", "name": "Math_Expert", "content": "It is 4."}]
    [run] = read(WHO_AND_WHEN | {"history": history, "system_prompt": {"Math_Expert": "You count."}})
    assert run.agent == "CaptainAgent"
    assert run.parts[0].actor == "Math_Expert"
