"""Reading sections of params.yaml.

load_sections(path, sections) -- the named sections, validated; every mistake becomes a ParameterError of one sentence
validated(path, content, model) -- content of a file as a pydantic model

YAML is read by ruamel.yaml as YAML 1.2 (PyYAML reads `1e-4` as a string) with its safe loader, and validated by pydantic.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from understudy.errors import ParameterError
from understudy.validation import describe

Model = TypeVar("Model", bound=BaseModel)


def load_sections(path: Path, sections: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """Read and validate these sections of a params.yaml; the others are not looked at.

    Raises:
        ParameterError: the file is missing, not YAML 1.2, or a section is missing or holds a key or value that is not expected;
            the message names the file and the key.
    """
    content = read_yaml(path)
    wanted = {name: content[name] for name in sections if name in content}
    fields = {name: (section, ...) for name, section in sections.items()}
    model = create_model("Sections", __config__=ConfigDict(frozen=True, strict=True), **fields)
    checked = validated(path, wanted, model)
    return {name: getattr(checked, name) for name in sections}


def validated(path: Path, content: Mapping[str, Any], model: type[Model]) -> Model:
    """The content of a file as a model.

    Raises:
        ParameterError: it does not fit; the message names the file and the key.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ParameterError(f"{path}: {describe(error, model)}") from None


def read_yaml(path: Path) -> Mapping[str, Any]:
    """The sections of a YAML 1.2 file as they are.

    Raises:
        ParameterError: the file is missing, not readable, no YAML, or holds no sections.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(f"{path}: expected a file with parameters, found none in {Path.cwd()}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path}: expected readable UTF-8 text, got: {error}") from None
    except (YAMLError, ValueError, LookupError, RecursionError) as error:
        raise ParameterError(f"{path}: expected YAML, got {_yaml_problem(error)}") from None
    if not isinstance(content, Mapping):
        raise ParameterError(f"{path}: expected sections such as `environment:`, got {type(content).__name__}")
    return content


def _yaml_problem(error: Exception) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{' '.join(str(error.problem).split())} in line {mark.line + 1}, column {mark.column + 1}"
    return " ".join(str(error).split())
