"""Which modules a program imports, directly and through others, found by reading the source and running none of it.

SourceTree(folder)              -- the modules below a folder, each read once
.direct_imports(file)           -- what one file imports
.closure(file, by_name)         -- what it imports through others too
constant(tree, name)            -- a module-level tuple of words
class_constant(tree, name)      -- a class's frozenset of words
blocks(node)                    -- the statements that stand directly in one, or in a file

Imports inside functions count, since they run when the function does; those under `if TYPE_CHECKING:` never run. What a module
imports by a name that is no word of an import statement it lists in a constant `IMPORTED_BY_NAME`.
"""

import ast
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from understudy.errors import DataError

BY_NAME = "IMPORTED_BY_NAME"
TYPES_ALONE = ("TYPE_CHECKING", "typing.TYPE_CHECKING")
BLOCKS = ("body", "handlers", "cases", "orelse", "finalbody")


@dataclass(frozen=True)
class Imports:
    """What is imported.

    `modules` are this project's, with the packages they lie in; `packages` the top-level ones of others; `names` all as written.
    """

    modules: frozenset[str]
    packages: frozenset[str]
    names: frozenset[str]

    @classmethod
    def union(cls, several: "Iterable[Imports]") -> "Imports":
        """What any of them imports."""
        modules, packages, names = zip(*((each.modules, each.packages, each.names) for each in several), strict=True)
        return cls(frozenset().union(*modules), frozenset().union(*packages), frozenset().union(*names))


class SourceTree:
    """The modules below `folder`, such as src. Each file is read once: a changed one wants a new tree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Path, Imports] = {}

    def module_file(self, module: str) -> Path | None:
        """The file of a module of this project, None for anything else."""
        path = self.folder.joinpath(*module.split("."))
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return candidate
        return None

    def direct_imports(self, file: Path) -> Imports:
        """What `file` itself imports.

        Raises:
            DataError: it is no Python, or imports relative to itself.
        """
        if file not in self._read:
            tree = parse(file)
            self._read[file] = self._sorted_out({*_imported_names(tree, file), *(constant(tree, BY_NAME) or ())})
        return self._read[file]

    def closure(self, file: Path, by_name: Iterable[str] = ()) -> Imports:
        """What `file` imports, through others too; `by_name` are modules that it loads by their names."""
        found, modules = [self.direct_imports(file), self._sorted_out(set(by_name))], set[str]()
        for imports in found:  # which grows by what they import
            new = sorted(imports.modules - modules)
            modules |= imports.modules
            files = [self.module_file(module) for module in new]
            found += [self.direct_imports(file) for file in files if file is not None]
        return Imports.union(found)

    def _sorted_out(self, names: set[str]) -> Imports:
        parts = [name.split(".") for name in names]
        every_parent = {".".join(part[:end]) for part in parts for end in range(1, len(part) + 1)}
        modules = frozenset(name for name in every_parent if self.module_file(name))
        return Imports(modules, frozenset(part[0] for part in parts if part[0] not in modules), frozenset(names))


def parse(file: Path) -> ast.Module:
    """The syntax tree of a file; DataError where it is no Python."""
    try:
        with tokenize.open(file) as opened:
            return ast.parse(opened.read())
    except (SyntaxError, ValueError) as error:
        raise DataError(f"{file}: expected Python, got {error}") from None


def constant(tree: ast.Module, name: str) -> tuple[str, ...] | None:
    """The tuple that a module assigns to `name` at its top level, its strings and its names as words; None where it does not."""
    for node in tree.body:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)):
            continue
        if [ast.unparse(target) for target in node.targets] == [name]:
            return tuple(each.id if isinstance(each, ast.Name) else ast.literal_eval(each) for each in node.value.elts)
    return None


def class_constant(tree: ast.Module, name: str) -> tuple[str, ...] | None:
    """The words of the literal frozenset that the first class with such an attribute assigns to `name`; None where none does."""
    for node in ast.walk(tree):
        for each in node.body if isinstance(node, ast.ClassDef) else ():
            if not (isinstance(each, ast.AnnAssign) and isinstance(each.value, ast.Call)):
                continue
            if ast.unparse(each.target) == name:
                return tuple(ast.literal_eval(each.value.args[0]))
    return None


def blocks(node: ast.AST) -> list[ast.AST]:
    """The statements that stand directly in a file or a statement, or its handlers and cases, which have some in turn."""
    return [each for name in BLOCKS for each in getattr(node, name, ())]


def _imported_names(tree: ast.Module, file: Path) -> set[str]:
    """Dotted names of all import statements: `from a import b` is a.b, whether b is a module or not."""
    names: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise DataError(f"{file}: expected imports by the full name, got a relative one in line {node.lineno}")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.If) and ast.unparse(node.test) in TYPES_ALONE:
            waiting += node.orelse
        else:
            waiting += blocks(node)
    return names
