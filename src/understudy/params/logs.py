"""`logs:` in params.yaml, of projects that learn from logs of LLM agents."""

from typing import Annotated, Literal

from pydantic import Field

from understudy.params.section import Section

LogFormat = Literal[
    "auto",
    "opentelemetry",
    "atif",
    "inspect",
    "tau2_bench",
    "tau_bench",
    "who_and_when",
    "plain",
    "sharegpt",
    "openai_chat",
]


class LogParams(Section):
    """Which logs are imported.

    Attributes:
        paths: files, and folders of them.
        format: how they are written; auto tells it by the first record of each file.
        skip_bad: count bad records and leave them out, rather than stop at the first.
    """

    paths: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    format: LogFormat
    skip_bad: bool
