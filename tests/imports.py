"""Which modules of this project a file imports, directly and through others, found by reading the source.

Imports inside functions count, since they run when the function does. A family's file is imported by name at run time, so it is
added for the stages that load one.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"


def module_file(module: str) -> Path | None:
    """The file of a module of this project, None for anything else."""
    path = SOURCE.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def direct_imports(file: Path) -> set[Path]:
    """Files of this project that `file` imports, the packages they lie in included."""
    modules = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    parents = {".".join(module.split(".")[:end]) for module in modules for end in range(1, module.count(".") + 2)}
    return {found for module in parents if (found := module_file(module))}


def closure(file: Path) -> set[Path]:
    """Everything of this project that `file` imports, itself included."""
    found, waiting = set(), [file]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += direct_imports(current)
    return found
