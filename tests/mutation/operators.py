"""Small mistakes made in a module's source, one at a time, each a plausible slip of the hand.

Mutant             -- one mistake: which bytes of the module become what
mutants(path, ...) -- all of a module, in the order of its lines

A mistake is made in the text, so that the rest of the line stays as it is written. Nothing is changed in docstrings, strings,
annotations, decorators, assertions, what is raised and a module's settings (CAPITALS): no test should hold those to the letter.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

COMPARISONS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
ARITHMETIC = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "//"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
}
FUNCTIONS = {
    "min": "max",
    "minimum": "maximum",
    "amin": "amax",
    "argmin": "argmax",
    "any": "all",
    "logical_and": "logical_or",
}
FUNCTIONS |= {"zeros": "ones", "zeros_like": "ones_like", "floor": "ceil", "sin": "cos", "tril": "triu", "round": "int"}
FUNCTIONS |= {other: one for one, other in FUNCTIONS.items() if one != "round"} | {"mean": "sum"}
# What a value may pass through, and is forgotten: called as x.clamp(...) or as np.clip(x, ...).
DROPPED = {
    "abs",
    "astype",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "clone",
    "copy",
    "cumsum",
    "detach",
    "double",
    "eval",
}
DROPPED |= {"exp", "flip", "float", "log", "log1p", "log_softmax", "masked_fill", "max", "maximum", "min", "minimum"}
DROPPED |= {
    "nan_to_num",
    "requires_grad_",
    "round",
    "sigmoid",
    "softmax",
    "softplus",
    "sort",
    "sorted",
    "sqrt",
    "square",
}
DROPPED |= {"tanh", "tril", "triu"}
MODULES_OF_FUNCTIONS = {"np", "torch", "F", "functional", "math"}
COMMUTATIVE = {"array_equal", "logical_and", "logical_or", "max", "maximum", "min", "minimum", "isinstance"}
LARGEST_COUNT = 3  # one more of what there are many is another setting and no slip
SMALL = 0.01  # a float below is a tolerance
AXES = {"0": "1", "1": "0", "-1": "0", "-2": "-1"}
SETTLED = {"axis", "device", "dim", "encoding", "non_blocking", "strict"}  # arguments that are no use to drop


@dataclass(frozen=True)
class Mutant:
    """Bytes `start` to `end` of a module's source become `text`.

    `before` and `after` show the lines that are touched, each on one line; together with module and function they name the
    mutant through changes elsewhere in the module, `repetition` tells apart those that are written alike in a function.
    """

    module: str
    function: str
    line: int
    operator: str
    start: int
    end: int
    text: str
    before: str
    after: str
    repetition: int = 0

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        return self.module, self.function, self.before, self.after, self.repetition

    def apply(self, source: bytes) -> bytes:
        """The module's source with the mistake."""
        return source[: self.start] + self.text.encode() + source[self.end :]


def mutants(source: bytes, module: str) -> list[Mutant]:
    """All mutants of a module's source which are still Python, and other than the original."""
    tree, found, seen = ast.parse(source), [], {}
    original = ast.dump(tree)
    for function, operator, start, end, text in _Mistakes(source).of(tree):
        changed = source[:start] + text.encode() + source[end:]
        try:
            if ast.dump(ast.parse(changed)) == original:
                continue
        except SyntaxError:
            continue
        first = source.rfind(b"\n", 0, start) + 1
        last = source.find(b"\n", end) if source.find(b"\n", end) >= 0 else len(source)
        before = _on_one_line(source[first:last])
        after = _on_one_line(source[first:start] + text.encode() + source[end:last])
        repetition = seen[function, before, after] = seen.get((function, before, after), -1) + 1
        line = source.count(b"\n", 0, start) + 1
        found.append(Mutant(module, function, line, operator, start, end, text, before, after, repetition))
    return sorted(found, key=lambda mutant: (mutant.start, mutant.end))


def mutants_of(root: Path, module: str) -> list[Mutant]:
    """The mutants of the file `module`, a path relative to `root`."""
    return mutants((root / module).read_bytes(), module)


def _on_one_line(text: bytes) -> str:
    return " ".join(text.decode().split())


class _Mistakes:
    """Walks a module; a mistake is (function, operator, start, end, text)."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.lines = [0]
        for line in source.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))

    def span(self, node: ast.AST) -> tuple[int, int]:
        return (
            self.lines[node.lineno - 1] + node.col_offset,
            self.lines[node.end_lineno - 1] + node.end_col_offset,
        )

    def text(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.source[start:end].decode()

    def of(self, node: ast.AST, function: str = "", initialises: bool = False) -> Iterator[tuple]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            function = f"{function}.{node.name}".lstrip(".")
            initialises = node.name == "__init__"
        for operator, start, end, text in self.at(node, initialises):
            yield function, operator, start, end, text
        for child in _changeable(node):
            yield from self.of(child, function, initialises)

    def at(self, node: ast.AST, initialises: bool) -> Iterator[tuple[str, int, int, str]]:
        """The mistakes at a node itself."""
        match node:
            case ast.Compare(left=left, ops=operators, comparators=others):
                for one, operator, other in zip([left, *others], operators, others, strict=False):
                    yield self.between(one, other, COMPARISONS[type(operator)])
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in ARITHMETIC and not _of_text(node):
                swap = self.between(left, right, ARITHMETIC[type(operator)])
                yield swap
                if isinstance(operator, ast.Add | ast.Sub | ast.Mult | ast.Div):
                    start, end = self.span(node)
                    yield "dropped operand", start, end, self.source[start : swap[1]].decode().rstrip()
            case ast.AugAssign(target=target, op=operator, value=value):
                if type(operator) in ARITHMETIC:
                    sign, other = ARITHMETIC[type(operator)]
                    yield self.between(target, value, (f"{sign}=", f"{other}="))
                yield "dropped statement", *self.span(node), "pass"
            case ast.BoolOp(op=operator, values=values):
                words = ("and", "or") if isinstance(operator, ast.And) else ("or", "and")
                yield from (self.between(one, other, words) for one, other in pairwise(values))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield "dropped not", *self.span(node), f"({self.text(operand)})"
            case ast.UnaryOp(op=ast.USub() | ast.Invert(), operand=operand) if not isinstance(operand, ast.Constant):
                yield "dropped sign", *self.span(node), f"({self.text(operand)})"
            case ast.Constant(value=bool(value)):
                yield "constant", *self.span(node), str(not value)
            case ast.Constant(value=int(value)) if value <= LARGEST_COUNT:
                yield "constant", *self.span(node), str(value + 1)
            case ast.Constant(value=float(value)):
                factor = 1000 if value < SMALL else 2
                yield "constant", *self.span(node), str(factor * value if value else 1.0)
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
                yield from self.negated(test)
            case ast.comprehension(ifs=tests):
                for test in tests:
                    yield from self.negated(test)
            case ast.Expr(value=ast.Call()) | ast.Continue() | ast.Break():
                yield "dropped statement", *self.span(node), "pass"
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) if not initialises:
                yield "dropped statement", *self.span(node), "pass"
            case ast.Attribute(value=value, attr="T"):
                yield "dropped call", *self.span(node), self.text(value)
            case ast.Call():
                yield from self.of_call(node)

    def negated(self, test: ast.expr) -> Iterator[tuple[str, int, int, str]]:
        """A condition turned round, where another mistake does not do the same."""
        turned = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            turned = isinstance(test.ops[0], ast.Eq | ast.NotEq | ast.Is | ast.IsNot | ast.In | ast.NotIn)
        if not turned:
            yield "negated condition", *self.span(test), f"(not ({self.text(test)}))"

    def of_call(self, node: ast.Call) -> Iterator[tuple[str, int, int, str]]:
        called, (start, end) = node.func, self.span(node)
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        of_module = isinstance(called, ast.Attribute) and getattr(called.value, "id", "") in MODULES_OF_FUNCTIONS
        if name in FUNCTIONS and not (name == "mean" and not isinstance(called, ast.Attribute)):
            after = self.span(called)[1]
            yield "other function", after - len(name), after, FUNCTIONS[name]
        if name in DROPPED:
            if isinstance(called, ast.Attribute) and not of_module:
                yield "dropped call", start, end, self.text(called.value)
            elif node.args and name != "float" and (len(node.args) > 1 or name not in ("max", "min")):
                yield "dropped call", start, end, f"({self.text(node.args[0])})"
        arguments = node.args[:2]
        plain = not any(isinstance(each, ast.Constant | ast.Starred) for each in arguments)
        if len(arguments) == 2 and plain and name not in COMMUTATIVE:
            (first, after_first), (second, after_second) = map(self.span, arguments)
            middle = self.source[after_first:second].decode()
            yield (
                "swapped arguments",
                first,
                after_second,
                f"{self.text(arguments[1])}{middle}{self.text(arguments[0])}",
            )
        for keyword in node.keywords:
            if keyword.arg in ("axis", "dim") and self.text(keyword.value) in AXES:
                yield "axis", *self.span(keyword.value), AXES[self.text(keyword.value)]
            elif keyword.arg and keyword.arg not in SETTLED and isinstance(called, ast.Attribute):
                kept = [self.text(each) for each in (*node.args, *node.keywords) if each is not keyword]
                yield "dropped argument", self.span(called)[1], end, f"({', '.join(kept)})"

    def between(self, one: ast.AST, other: ast.AST, signs: tuple[str, str]) -> tuple[str, int, int, str]:
        """The sign between two nodes exchanged for another."""
        first, last = self.span(one)[1], self.span(other)[0]
        words = r"\s+".join(map(re.escape, signs[0].split()))
        found = re.search(words.encode(), self.source[first:last])
        return "other sign", first + found.start(), first + found.end(), signs[1]


def _changeable(node: ast.AST) -> Iterator[ast.AST]:
    """The children of a node in which mistakes are made."""
    match node:
        case ast.Raise() | ast.Assert() | ast.JoinedStr() | ast.Import() | ast.ImportFrom():
            return
        case ast.Assign(targets=[ast.Name(id=name)]) if name.isupper():
            return
        case ast.Call(
            func=ast.Attribute(value=value, attr="reshape" | "view")
        ):  # of -1, which is any negative number there
            yield value
        case ast.FunctionDef(args=arguments, body=body):
            yield from (each for each in (*arguments.defaults, *arguments.kw_defaults) if each is not None)
            yield from body
        case ast.ClassDef(body=body):
            yield from body
        case ast.AnnAssign(value=value):
            yield from [value] if value is not None else []
        case ast.keyword(arg=name, value=value) if name in SETTLED:
            yield from [value] if not isinstance(value, ast.Constant | ast.UnaryOp) else []
        case _:
            yield from ast.iter_child_nodes(node)


def _of_text(node: ast.BinOp) -> bool:
    """Whether an operation joins texts, repeats a sequence or joins types, where another sign only raises a TypeError."""
    sides = (node.left, node.right)
    if isinstance(node.op, ast.BitOr):
        names = [each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in sides]
        none = any(isinstance(each, ast.Constant) and each.value is None for each in sides)
        return none or any(name[:1].isupper() and not name.isupper() for name in names)
    plain = (ast.JoinedStr, ast.List, ast.Tuple, ast.Dict)
    return any(
        isinstance(each, plain) or (isinstance(each, ast.Constant) and isinstance(each.value, str)) for each in sides
    )
