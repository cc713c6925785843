"""One conversation with a call and its result, as each format writes it, and what every reader makes of it.

SAMPLES     -- by format, the content of a record
ROWS        -- (role, kind, tool, what was said or the arguments) of its parts, without what a format cannot say
written(...)-- a file of JSON Lines or JSON
rows(run)   -- a run's parts in the form of ROWS
"""

import json

ASKED, REPLIED, RETURNED, ARGUMENTS = "Where is #7?", "It is on its way.", '{"status": "shipped"}', '{"order": "#7"}'
ROWS = [
    ("user", "text", None, ASKED),
    ("assistant", "tool_call", "get_order", ARGUMENTS),
    ("tool", "tool_result", "get_order", RETURNED),
    ("assistant", "finish", None, REPLIED),
]
CALL = {"id": "c1", "type": "function", "function": {"name": "get_order", "arguments": ARGUMENTS}}
MESSAGES = [
    {"role": "user", "content": ASKED},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": RETURNED},
    {"role": "assistant", "content": REPLIED},
]
OPENAI = {"messages": MESSAGES, "id": "r1", "task": "t1", "user_id": "u1", "model": "m1", "reward": 1}
SHAREGPT = {
    "id": "r1",
    "conversations": [
        {"from": "human", "value": ASKED},
        {"from": "function_call", "value": json.dumps({"name": "get_order", "arguments": {"order": "#7"}})},
        {"from": "observation", "value": RETURNED},
        {"from": "gpt", "value": REPLIED},
    ],
}
ATIF = {
    "schema_version": "ATIF-v1.4",
    "session_id": "r1",
    "agent": {"name": "m1", "version": "1.0"},
    "extra": {"task_id": "t1", "reward": 1.0},
    "steps": [
        {"step_id": 1, "source": "user", "message": ASKED},
        {
            "step_id": 2,
            "source": "agent",
            "message": "",
            "tool_calls": [{"tool_call_id": "c1", "function_name": "get_order", "arguments": {"order": "#7"}}],
            "observation": {"results": [{"source_call_id": "c1", "content": RETURNED}]},
        },
        {"step_id": 3, "source": "agent", "message": REPLIED},
    ],
}
INSPECT = {
    "version": 2,
    "status": "success",
    "eval": {"task": "orders", "model": "m1"},
    "samples": [
        {
            "id": "t1",
            "epoch": 1,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "attachment://a1"}]},
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"id": "c1", "function": "get_order", "arguments": {"order": "#7"}}],
                },
                {"role": "tool", "tool_call_id": "c1", "function": "get_order", "content": RETURNED},
                {"role": "assistant", "content": REPLIED},
            ],
            "attachments": {"a1": ASKED},
            "scores": {"match": {"value": "C"}, "style": {"value": 0.2}},
        }
    ],
}
TAU_BENCH = {"task_id": 3, "trial": 1, "reward": 1.0, "info": {"task": {"user_id": "u1"}}, "traj": MESSAGES}
TAU2_BENCH = {
    "info": {
        "environment_info": {"domain_name": "orders"},
        "user_info": {"implementation": "user_simulator"},
        "agent_info": {"llm": "m1"},
    },
    "tasks": [{"id": "t1", "user_scenario": {"instructions": {"known_info": "You are ada_king_0001."}}}],
    "simulations": [
        {
            "id": "r1",
            "task_id": "t1",
            "termination_reason": "agent_stop",
            "reward_info": {"reward": 1.0},
            "trial": 0,
            "messages": [
                {"role": "user", "content": ASKED, "tool_calls": None},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c1", "name": "get_order", "arguments": {"order": "#7"}}],
                },
                {"role": "tool", "id": "c1", "content": RETURNED, "error": False, "requestor": "assistant"},
                {"role": "assistant", "content": REPLIED, "tool_calls": None},
            ],
        }
    ],
}
OPENINFERENCE = {
    "name": "llm",
    "context": {"trace_id": "r1", "span_id": "s2"},
    "start_time": "2025-01-01T00:00:02Z",
    "attributes": {
        "openinference.span.kind": "LLM",
        "llm.model_name": "m1",
        "user.id": "u1",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": ASKED,
        "llm.input_messages.1.message.role": "assistant",
        "llm.input_messages.1.message.tool_calls.0.tool_call.id": "c1",
        "llm.input_messages.1.message.tool_calls.0.tool_call.function.name": "get_order",
        "llm.input_messages.1.message.tool_calls.0.tool_call.function.arguments": ARGUMENTS,
        "llm.input_messages.2.message.role": "tool",
        "llm.input_messages.2.message.tool_call_id": "c1",
        "llm.input_messages.2.message.content": RETURNED,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": REPLIED,
    },
}
SAMPLES = {
    "openai_chat": OPENAI,
    "sharegpt": SHAREGPT,
    "atif": ATIF,
    "inspect": INSPECT,
    "tau_bench": TAU_BENCH,
    "tau2_bench": TAU2_BENCH,
    "opentelemetry": OPENINFERENCE,
}
WHO_AND_WHEN = {
    "question_ID": "q1",
    "mistake_agent": "WebSurfer",
    "mistake_step": "3",
    "mistake_reason": "It read another page.",
    "history": [
        {"role": "human", "content": "How old is the oldest tree?"},
        {"role": "Orchestrator (thought)", "content": "I should look it up."},
        {"role": "Orchestrator (-> WebSurfer)", "content": "Find the oldest tree."},
        {"role": "WebSurfer", "content": "It is 300 years old."},
        {"role": "ComputerTerminal", "content": "exit code 0"},
    ],
}
PLAIN = {
    "states": ["You see a door.", {"room": 2}, "The end."],
    "actions": [{"tool": "open", "arguments": {"what": "door"}}, "hello"],
    "rewards": [0.5, 1],
    "agent_ids": ["first", 2],
    "metadata": {"task": "t1", "success": True, "difficulty": 3},
}
OTHERS = {"who_and_when": WHO_AND_WHEN, "plain": PLAIN}


def rows(run) -> list[tuple]:
    """Role, kind, tool, and what was said or the arguments."""
    return [(part.role, part.kind, part.tool, part.text or part.arguments) for part in run.parts]


def written(path, *records):
    """A file of JSON Lines where its name says so, else of one document."""
    lines = [json.dumps(record) for record in records]
    path.write_text("".join(f"{line}\n" for line in lines) if path.suffix == ".jsonl" else "\n".join(lines))
    return path
