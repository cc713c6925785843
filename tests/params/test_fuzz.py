"""Whatever stands in params.yaml, it loads or is refused with a ParameterError: never anything else."""

import copy
import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders import PARAMETERS, examples, parameters_text
from understudy.errors import ParameterError
from understudy.params.whole import load_params


def leaves(section: dict, above: str = "") -> list[str]:
    """Dotted keys of everything that is no section, and of the empty ones."""
    found = []
    for key, value in section.items():
        found += leaves(value, f"{above}{key}.") if isinstance(value, dict) and value else [above + key]
    return found


def sections(section: dict, above: str = "") -> list[str]:
    """Dotted keys of all sections, with a dot behind each; the first is the top."""
    inner = [
        name for key, value in section.items() if isinstance(value, dict) for name in sections(value, f"{above}{key}.")
    ]
    return [above, *inner]


def as_yaml(value) -> str:
    """JSON as YAML text; YAML has its own words for what JSON lacks."""
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' * (value < 0)}.inf"
    if isinstance(value, list):
        return f"[{', '.join(as_yaml(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{as_yaml(key)}: {as_yaml(item)}' for key, item in value.items())}}}"
    return json.dumps(value)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
KEYS = st.text(max_size=10) | st.integers() | st.none() | st.booleans() | st.floats()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))
DEEP = st.builds(
    lambda depth, brackets: brackets[0] * depth + brackets[1] * depth,
    st.sampled_from([20, 60, 200]),
    st.sampled_from([("[", "]"), ("{a: ", "}"), ("{a: [", "]}"), ("{? ", "}")]),
)
TEXTS = VALUES.map(as_yaml) | DEEP
LEAVES, SECTIONS = leaves(PARAMETERS), sections(PARAMETERS)


def assert_loads_or_is_refused(folder, text: str) -> None:
    path = folder / "params.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load_params(path)
    except ParameterError as error:
        assert str(path) in str(error)


@examples(150)
@given(key=st.sampled_from(LEAVES), text=TEXTS)
def test_any_value_loads_or_is_refused(tmp_path_factory, key, text):
    assert_loads_or_is_refused(tmp_path_factory.getbasetemp(), parameters_text({key: text}))


@examples(60)
@given(section=st.sampled_from(SECTIONS), key=KEYS, text=TEXTS)
@example(section="policies.", key="a\nb", text="{family: mlp, model: {}, play: {}, best_returns: null, training: {}}")
@example(section="", key="model_fields", text="1")
def test_any_key_loads_or_is_refused(tmp_path_factory, section, key, text):
    content = copy.deepcopy(PARAMETERS)
    at = content
    for name in section.split(".")[:-1]:
        at = at[name]
    at["@key@"] = "@text@"
    written = json.dumps(content).replace('"@key@"', as_yaml(key)).replace('"@text@"', text)
    assert_loads_or_is_refused(tmp_path_factory.getbasetemp(), written)


@pytest.mark.parametrize("section", ["", "compute.", "policies."])
def test_a_key_of_two_lines_is_refused_in_one(tmp_path, section):
    path = tmp_path / "params.yaml"
    path.write_text(
        parameters_text({section + "a\nb": "{family: mlp, model: {}, play: {}, best_returns: null, training: {}}"}),
        encoding="utf-8",
    )
    with pytest.raises(ParameterError) as caught:
        load_params(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["!!bool x", "!!int ''", "!!float ''"])
def test_a_tag_that_does_not_fit_is_refused(tmp_path, text):
    assert_loads_or_is_refused(tmp_path, parameters_text({"compute.workers": text}))


def test_more_shared_seeds_than_a_machine_word_counts_are_refused(tmp_path):
    changes = {"rollouts.episodes": "9" * 30, "evaluation.episodes": "9" * 30}
    assert_loads_or_is_refused(tmp_path, parameters_text(changes))
