"""The best values into params.yaml, with its comments.

apply_values(path, policy, values) -- writes them where they are another; returns the full keys that have changed
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from understudy.errors import ParameterError
from understudy.params.load import read_yaml
from understudy.search.space import full_key
from understudy.utils.atomic import replace_file

COLUMNS = 4096  # ruamel breaks longer lines


class _Representer(RoundTripRepresenter):
    """Writes null as a word, and 1e-05 as 1.0e-05, which every reader of YAML takes for a number."""

    def represent_null(self, data: None) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")

    def represent_number(self, data: float) -> ScalarNode:
        digits, exponent, power = repr(data).partition("e")
        text = f"{digits}{'' if '.' in digits or not exponent else '.0'}{exponent}{power}"
        return self.represent_scalar("tag:yaml.org,2002:float", text)


_Representer.add_representer(type(None), _Representer.represent_null)
_Representer.add_representer(float, _Representer.represent_number)


def apply_values(path: Path, policy: str, values: Mapping[str, Any]) -> list[str]:
    """Set keys of the policy's block, and of earlier stages, in a params.yaml.

    A value below `training.` is written into the policy's own block, so that no other policy learns anew; where it is that of the
    section of all policies already, it is not written.

    Raises:
        ParameterError: a block is shared with another policy, by an anchor, so that this one's values would become that one's.
    """
    editor = YAML(typ="rt")  # keeps comments; tags of Python objects it leaves alone
    editor.preserve_quotes, editor.width, editor.Representer = True, COLUMNS, _Representer
    content = editor.load(path.read_text(encoding="utf-8"))
    before, keys = dict(flat(read_yaml(path))), {full_key(key, policy): value for key, value in values.items()}
    for key, value in keys.items():
        *sections, name = key.split(".")
        block, shared = content, content.get("training", {})
        for section in sections:
            block = block[section]
        if sections[2:] == ["training"] and name not in block and _same(shared.get(name, ...), value):
            continue
        _set(block, name, value)
    text = io.StringIO()
    editor.dump(content, text)
    changed = _changes(before, dict(flat(YAML(typ="safe", pure=True).load(text.getvalue()))))
    for key in sorted(changed - keys.keys()):
        raise ParameterError(
            f"{path}: {key}: expected a value of its own, got one that is shared with policies.{policy}; write its block out"
        )
    if changed:
        with replace_file(path) as unfinished:
            unfinished.write_text(text.getvalue(), encoding="utf-8")
    return sorted(changed)


def _set(block: CommentedMap, name: str, value: Any) -> None:
    """Set a key where it has another value; in a block that was empty, and so within braces, within braces."""
    if not block:
        block.fa.set_flow_style()
    if name not in block or not _same(block[name], value):
        block[name] = value


def flat(content: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Dotted keys with their values, those of mappings that hold anything left out."""
    if not isinstance(content, Mapping) or not content:
        return [(prefix, content)]
    return [each for key, value in content.items() for each in flat(value, f"{prefix}.{key}".lstrip("."))]


def _changes(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Keys whose values differ. A block that was empty and is not any more has not changed, but what is in it."""
    keys = {key for key in before.keys() | after.keys() if not _same(before.get(key, ...), after.get(key, ...))}
    return {key for key in keys if not any(other.startswith(f"{key}.") for other in keys)}


def _same(one: Any, other: Any) -> bool:
    """Whether two values of YAML are the same; true is not 1, and 1 is 1.0."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
