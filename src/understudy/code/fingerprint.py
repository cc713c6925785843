"""A hash of what a source file does: comments, docstrings and blank lines are cut out first.

fingerprint(file) -- sixteen hexadecimal digits
essence(text)     -- what is hashed

They are cut out of the text by their positions. A dump of the syntax tree would do the same, but not the same under every version
of Python.
"""

import ast
import hashlib
import io
import token
import tokenize
from collections.abc import Iterator
from pathlib import Path

from understudy.code.closure import blocks, parse

# From Python 3.12 on an f-string is several tokens, and from 3.14 on a t-string.
OPENING = {getattr(token, name) for name in ("FSTRING_START", "TSTRING_START") if hasattr(token, name)}
CLOSING = {getattr(token, name) for name in ("FSTRING_END", "TSTRING_END") if hasattr(token, name)}

Position = tuple[int, int]  # row and column, both from 0
Span = tuple[Position, Position]


def fingerprint(file: Path) -> str:
    """The hash of a file's code; "" where it has none but comments and docstrings. DataError where it is no Python."""
    tree = parse(file)
    with tokenize.open(file) as opened:
        code = essence(opened.read(), tree)
    return hashlib.sha256(code.encode()).hexdigest()[:16] if code else ""


def essence(text: str, tree: ast.Module | None = None) -> str:
    """`text` without comments, docstrings, blank lines and spaces at the ends of lines; inside of strings all of it stays."""
    lines = text.split("\n")
    docstrings = list(_docstrings(ast.parse(text) if tree is None else tree, lines))
    comments, strings = _comments_and_strings(text)
    in_string = set()  # rows that end inside of a string
    for start, end in strings:
        if not any(first <= start and end <= last for first, last in docstrings):
            in_string |= set(range(start[0], end[0]))
    for (row, column), (last_row, last_column) in sorted(docstrings + comments, reverse=True):
        rest = lines[last_row][last_column:]
        lines[row : last_row + 1] = [lines[row][:column] + rest, *[""] * (last_row - row)]
    kept = [line if row in in_string else line.rstrip() for row, line in enumerate(lines)]
    return "\n".join(line for row, line in enumerate(kept) if line or row in in_string)


def _docstrings(tree: ast.Module, lines: list[str]) -> Iterator[Span]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        waiting += blocks(node)
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not node.body:
            continue
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            assert first.end_lineno is not None and first.end_col_offset is not None  # of what has been parsed
            yield (
                (first.lineno - 1, _characters(lines[first.lineno - 1], first.col_offset)),
                (first.end_lineno - 1, _characters(lines[first.end_lineno - 1], first.end_col_offset)),
            )


def _characters(line: str, column: int) -> int:
    """The syntax tree counts columns in bytes of UTF-8."""
    return len(line.encode()[:column].decode())


def _comments_and_strings(text: str) -> tuple[list[Span], list[Span]]:
    comments, strings, opened = [], [], []
    for each in tokenize.generate_tokens(io.StringIO(text).readline):
        start, end = (each.start[0] - 1, each.start[1]), (each.end[0] - 1, each.end[1])
        if each.type == token.COMMENT:
            comments.append((start, end))
        elif each.type == token.STRING:
            strings.append((start, end))
        elif each.type in OPENING:
            opened.append(start)
        elif each.type in CLOSING:
            strings.append((opened.pop(), end))
    return comments, strings
