"""Whatever is done to params.yaml, it loads as valid parameters or is refused with a ParameterError of one line.

FUZZ_EXAMPLES is the number of bad inputs that all files of this folder try together.
"""

import copy
import json
import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import PARAMETERS, PARAMETERS_FILE
from tests.params.test_fuzz import KEYS, LEAVES, SECTIONS, TEXTS, as_yaml
from understudy.errors import ParameterError
from understudy.params.whole import Params, load_params

pytestmark = pytest.mark.slow
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "11000")) * 6 // 11
COUNTS = Counter()
ORIGINAL = PARAMETERS_FILE.read_text(encoding="utf-8")
ALL_KEYS = LEAVES + [section[:-1] for section in SECTIONS if section]
TAGS = ["bool", "int", "float", "null", "str", "seq", "map", "set", "omap", "pairs", "binary", "merge", "python/none"]
TAGS += ["python/object/apply:os.system", "python/name:os.system"]
SNIPPETS = [
    "\t",
    "\0",
    "\n",
    "\r",
    "\x85",
    "\u2028",
    "\ufeff",
    "- ",
    ": ",
    "? ",
    "{",
    "}",
    "[",
    "]",
    "'",
    '"',
    "|",
    ">",
]
SNIPPETS += ["&a ", "*a", "&a [*a]", "<<: ", "<<: *a\n", "---\n", "...\n", "%YAML 1.1\n", "%TAG ! x\n", "!", "#", "`"]
SNIPPETS += ["@", "%", "~", ".nan", "-.inf", "1e999", "0x", "0o9", "1_0", "9" * 5000, "1:60", "2001-99-99", "=", ","]
SNIPPETS += [f"!!{tag} " for tag in TAGS]
SPANS = st.tuples(st.integers(0, len(ORIGINAL)), st.integers(0, 40))


def fuzzed(share: float, of: int = EXAMPLES) -> settings:
    """Hypothesis settings for a share of a file's examples, the same in every run."""
    count, off = max(1, round(share * of)), list(HealthCheck)
    return settings(max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=off)


def told_at_the_end(name: str, counts: Counter):
    """A fixture that says, when a file is through, how many inputs it has tried."""

    @pytest.fixture(scope="module", autouse=True)
    def tally(request):
        yield
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{name}: {counts['tried']} bad inputs tried, {counts['refused']} refused")

    return tally


tally = told_at_the_end("params", COUNTS)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("params") / "params.yaml"


def assert_valid_or_refused(path, text: str | bytes) -> None:
    """Either a ParameterError of one line that names the file, or parameters that validate again as the same."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    COUNTS["tried"] += 1
    try:
        loaded = load_params(path)
    except ParameterError as error:
        COUNTS["refused"] += 1
        assert type(error) is ParameterError
        assert str(path) in str(error)
        assert len(str(error).splitlines()) == 1
    else:
        again = Params.model_validate(loaded.model_dump())
        # The arguments of a family are checked when its model is built; until then they may be anything, cycles too.
        assert repr(again.model_dump(exclude={"policies"})) == repr(loaded.model_dump(exclude={"policies"}))
        assert again.policies.names == loaded.policies.names


def parent_of(content: dict, key: str) -> tuple[dict, str]:
    """The section that holds a dotted key, and the key's last part."""
    *parents, last = key.split(".")
    for name in parents:
        content = content[name]
    return content, last


def with_values(texts: dict[str, str]) -> str:
    """The committed parameters with dotted keys set to raw YAML; a section's own value hides those set within it."""
    content = copy.deepcopy(PARAMETERS)
    ordered = sorted(texts, key=lambda key: key.count("."), reverse=True)
    for number, key in enumerate(ordered):
        section, last = parent_of(content, key)
        section[last] = f"@{number}@"
    return as_text(content, {f"@{number}@": texts[key] for number, key in enumerate(ordered)})


def as_text(content: dict, raw: dict[str, str]) -> str:
    """Flow-style YAML of `content`, in which the placeholders `raw` are replaced by YAML as it would be typed."""
    text = json.dumps(content)
    for placeholder, value in raw.items():
        text = text.replace(json.dumps(placeholder), value)
    return text


@fuzzed(0.35)
@given(changes=st.dictionaries(st.sampled_from(ALL_KEYS), TEXTS, min_size=1, max_size=3))
def test_any_value_at_any_place(path, changes):
    assert_valid_or_refused(path, with_values(changes))


@fuzzed(0.2)
@given(
    change=st.sampled_from(["remove", "rename", "add"]),
    key=st.sampled_from(ALL_KEYS),
    name=KEYS | st.sampled_from(sorted({key.split(".")[-1] for key in ALL_KEYS})),
    text=TEXTS,
)
def test_keys_removed_renamed_and_added(path, change, key, name, text):
    content = copy.deepcopy(PARAMETERS)
    section, last = parent_of(content, key)
    if change == "remove":
        del section[last]
    else:
        section["@key@"] = section.pop(last) if change == "rename" else "@text@"
    assert_valid_or_refused(path, as_text(content, {"@key@": as_yaml(name), "@text@": text}))


NUMBERS = [key for key in LEAVES if isinstance(parent_of(PARAMETERS, key)[0][key.split(".")[-1]], int | float)]
EDGES = [0, -1, 1, 2, 2**31 - 1, 2**31, 2**63, 2**64, -(2**63), 10**30, 0.5, 1.5, -0.0, 1e-320, 1e308, 1.0, True]
EDGES += [float("nan"), float("inf"), float("-inf")]


@fuzzed(0.2)
@given(
    changes=st.dictionaries(
        st.sampled_from(NUMBERS), st.sampled_from(EDGES) | st.integers() | st.floats(), min_size=1, max_size=4
    )
)
def test_numbers_at_and_beyond_the_ends_of_their_ranges(path, changes):
    assert_valid_or_refused(path, with_values({key: as_yaml(value) for key, value in changes.items()}))


@fuzzed(0.2)
@given(edits=st.lists(st.tuples(SPANS, st.sampled_from(SNIPPETS) | st.text(max_size=8)), min_size=1, max_size=4))
def test_text_cut_out_and_put_in(path, edits):
    text = ORIGINAL
    for (start, length), inserted in edits:
        text = text[:start] + inserted + text[start + length :]
    assert_valid_or_refused(path, text)


@fuzzed(0.05)
@given(flips=st.dictionaries(st.integers(0, len(ORIGINAL) - 1), st.integers(1, 255), min_size=1, max_size=4))
def test_bytes_changed(path, flips):
    content = bytearray(ORIGINAL.encode())
    for place, mask in flips.items():
        content[place] ^= mask
    assert_valid_or_refused(path, bytes(content))


@pytest.mark.parametrize(
    "text", ["", "\n", "x", "!!timestamp x", "!!set x", "!!omap x", "&a [*a]", "? {a: b}", "1: &a {<<: *a}"]
)
@pytest.mark.parametrize("key", ["environment.kwargs", "compute.workers", "policies.mlp.model.hidden_dim"])
def test_tags_that_do_not_fit(path, key, text):
    assert_valid_or_refused(path, with_values({key: text}))
