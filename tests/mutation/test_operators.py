"""Each kind of mistake in a line of its own, and what is left alone."""

import ast
from pathlib import Path

import pytest

from tests.mutation import operators
from tests.mutation.operators import mutants


def mistakes(source: str) -> list[str]:
    return [mutant.after for mutant in mutants(source.encode(), "module.py")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("y = a < b", ["y = a <= b"]),
        ("y = a not in b", ["y = a in b"]),
        ("y = a + b", ["y = a", "y = a - b"]),
        ("y = (a + b) * c", ["y = (a + b)", "y = (a) * c", "y = (a - b) * c", "y = (a + b) / c"]),
        ("y = a & b", ["y = a | b"]),
        ("y += a", ["pass", "y -= a"]),
        ("y = a and b and c", ["y = a or b and c", "y = a and b or c"]),
        ("y = not a", ["y = (a)"]),
        ("y = -a", ["y = (a)"]),
        ("y = True", ["y = False"]),
        ("y = x[1:]", ["y = x[2:]"]),
        ("y = 0.5", ["y = 1.0"]),
        ("y = 1e-5", ["y = 0.01"]),
        ("y = 0.0", ["y = 1.0"]),
        ("y = 64", []),
        ("if a == b: c", ["if a != b: c"]),
        ("if a: b", ["if (not (a)): b"]),
        ("if not a: b", ["if (a): b"]),
        ("y = [a for a in b if c]", ["y = [a for a in b if (not (c))]"]),
        ("y = np.maximum(a, b)", ["y = (a)", "y = np.minimum(a, b)"]),
        ("y = x.clamp(a)", ["y = x"]),
        ("y = x.masked_fill(a, b)", ["y = x", "y = x.masked_fill(b, a)"]),
        ("y = x.T @ x", ["y = x @ x"]),
        ("y = x.sum(dim=-1)", ["y = x.sum(dim=0)"]),
        ("y = np.average(a, weights=b)", ["y = np.average(a)"]),
        ("f(a, b)", ["pass", "f(b, a)"]),
        ("x[a] = b", ["pass"]),
        ("for a in b: continue", ["for a in b: pass"]),
    ],
)
def test_a_line_and_its_mistakes(line, expected):
    assert sorted(mistakes(line)) == sorted(expected)


@pytest.mark.parametrize(
    "source",
    [
        '"""Less than 1 < 2."""',
        "import a",
        "def f(x: int | None = None) -> list[1]:\n    return x",
        "@dataclass(frozen=True)\nclass A:\n    size: Literal[1]",
        "raise ValueError(f'{a + 1}', a < b)",
        "assert a < b",
        "y = f'{a + b}'",
        "y = a + 'text'",
        "TOLERANCE = 1e-3",
        "y = x.reshape(-1, 2)",
        "y = a | None",
        "y = zip(a, strict=True)",
    ],
)
def test_what_is_left_alone(source):
    assert mistakes(source) == []


def test_a_mistake_names_its_place_and_shows_its_line():
    source = (
        "class A:\n    def f(self, a):\n        # \N{GREEK SMALL LETTER ALPHA}\n        return a.sum(\n axis=0,\n )\n"
    )
    [mutant] = mutants(source.encode(), "module.py")
    assert (mutant.function, mutant.line, mutant.operator) == ("A.f", 5, "axis")
    assert (mutant.before, mutant.after) == ("axis=0,", "axis=1,")
    assert mutant.apply(source.encode()).decode() == source.replace("axis=0", "axis=1")


def test_two_mistakes_that_read_alike_have_keys_of_their_own():
    first, second = mutants(b"if a:\n    b(c)\nif d:\n    b(c)\n", "module.py")[1::2]
    assert (first.before, first.after) == (second.before, second.after) == ("b(c)", "pass")
    assert first.key != second.key


def test_every_mutant_of_a_module_is_python():
    source = Path(operators.__file__).read_bytes()
    found = mutants(source, "module.py")
    assert len(found) > 20
    assert len({mutant.key for mutant in found}) == len(found)
    for mutant in found:
        ast.parse(mutant.apply(source))
