"""Replies in words: what a policy predicts and the nearest stored replies, put into text by a language model.

Responder -- `respond(messages)`
Response  -- what it says

The model is any behind an OpenAI-compatible chat endpoint. Where that is, and the key for it, stand in the environment:
OPENAI_BASE_URL and OPENAI_API_KEY.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from understudy.errors import DataError, ParameterError
from understudy.logs.acting import LogPolicy, NextAction
from understudy.logs.following import Message, as_message
from understudy.logs.messages import content_text
from understudy.logs.observation import FINISH, REPLY
from understudy.logs.replying import NearReply
from understudy.sources.optional import import_optional

DOING = {REPLY: "replies to the user", FINISH: "replies for the last time"}
INSTRUCTING = ("system", "developer")  # roles
INSTRUCTION = """\
A policy that has learned from earlier conversations says with {probability:.0%} confidence that the assistant now {doing}. \
At such a point assistants have said, the most fitting first:

{examples}

Write the assistant's next message, and nothing else: as those do in tone, length and what they ask or tell, with the facts of \
this conversation alone."""


@dataclass(frozen=True)
class Response:
    """What is to be done next.

    Attributes:
        action: what the policy says.
        near: stored replies that a text was made from; () where none was.
        text: the reply; None where the policy is not confident, or does not say that the assistant replies.
    """

    action: NextAction
    near: tuple[NearReply, ...]
    text: str | None


class Responder:
    """Replies where the policy is confident that a reply comes next, and leaves all else to others.

    Args:
        policy: loaded with replies.
        model: its name at the endpoint.
        k: stored replies that the model is shown.
        timeout: seconds to wait for an answer.
        retries: of requests that failed for no reason of ours.

    Raises:
        ParameterError: openai is not installed, or the environment says nothing of a key.
    """

    def __init__(self, policy: LogPolicy, model: str, *, k: int = 5, timeout: float = 60.0, retries: int = 2) -> None:
        self.policy, self.model, self.k = policy, model, k
        self.openai = import_optional("openai", "chat", "replies in words")
        try:
            self.client = self.openai.OpenAI(timeout=timeout, max_retries=retries)
        except self.openai.OpenAIError:
            raise ParameterError(
                "OPENAI_API_KEY: expected the endpoint's key in the environment, found none; an endpoint of one's own,"
                " which OPENAI_BASE_URL names, may take any"
            ) from None

    def respond(self, messages: Sequence[Message]) -> Response:
        """What the assistant does after these messages, in words where it replies.

        Raises:
            DataError: a message is malformed, the endpoint cannot be reached or refuses, or its answer holds no text.
            ParameterError: the policy was loaded without replies.
        """
        action = self.policy.next_action(messages)
        if not action.confident or action.likeliest not in DOING:
            return Response(action, (), None)
        near = tuple(self.policy.reply(messages, self.k))
        return Response(action, near, self._ask(prompt(messages, action, near)))

    def _ask(self, messages: list[dict[str, Any]]) -> str:
        where = f"{self.client.base_url}: {self.model}"
        try:
            answer = self.client.chat.completions.create(model=self.model, messages=messages)
        except self.openai.APIStatusError as error:
            raise DataError(f"{where}: expected an answer, got status {error.status_code}: {error.message}") from None
        except self.openai.APIConnectionError as error:
            raise DataError(f"{where}: expected an answer, got no connection: {error.__cause__ or error}") from None
        except (self.openai.OpenAIError, ValueError) as error:  # JSON's own error is a ValueError
            raise DataError(f"{where}: expected an answer, got one that cannot be read: {error}") from None
        text = _text(answer)
        if not text.strip():
            raise DataError(f"{where}: expected an answer with a text, got one without")
        return text.strip()


def _text(answer: Any) -> str:
    """The text of an answer; "" where it has none, since endpoints are of many makes and the client takes what they send."""
    try:
        return str(answer.choices[0].message.content or "")
    except (AttributeError, IndexError, TypeError):
        return ""


def prompt(messages: Sequence[Message], action: NextAction, near: Sequence[NearReply]) -> list[dict[str, Any]]:
    """What the model is told: the conversation as it is, and before it, in one system message with its own, what is predicted."""
    instruction = INSTRUCTION.format(
        probability=action.probabilities[action.likeliest],
        doing=DOING[action.likeliest],
        examples="\n\n".join(f"{number}. {each.text}" for number, each in enumerate(near, 1)),
    )
    said = [as_message(each) for each in messages]
    system = [content_text(each["content"]) for each in said if each["role"] in INSTRUCTING and each.get("content")]
    rest = [each for each in said if each["role"] not in INSTRUCTING]
    return [{"role": "system", "content": "\n\n".join([*system, instruction])}, *rest]
