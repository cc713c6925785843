"""What stages import while they run, held against what the `code` stage has said of them.

recorder(folder)                -- variables under which every stage notes its imports, its worker processes' included
missed_imports(folder, project) -- modules that a stage has imported and that are not in its description
"""

from functools import cache
from pathlib import Path

from understudy.code.closure import SourceTree
from understudy.code.fingerprint import fingerprint
from understudy.code.stages import read_stages

# Python imports `sitecustomize` as it starts. Audit hooks live on in forked workers, which tell of no end of theirs.
PROGRAM = """
import os, sys
words = sys.orig_argv
starts = [place for place, word in enumerate(words) if word.endswith("pipeline/run.py")]
if starts:
    stage, rest = words[starts[0] + 1], words[starts[0] + 2 :]
    if "--policy" in rest:
        stage += "/" + rest[rest.index("--policy") + 1]
    path = os.path.join(os.path.dirname(__file__), "seen", stage)
    os.makedirs(os.path.dirname(path), exist_ok=True)

    def note(event, arguments):
        if event == "import" and arguments[0].split(".")[0] == "understudy":
            with open(path, "a") as file:
                file.write(arguments[0] + "\\n")

    sys.addaudithook(note)
"""


def recorder(folder: Path) -> dict[str, str]:
    """Write the program that notes imports to `folder`; returns the variables under which to run stages."""
    (folder / "sitecustomize.py").write_text(PROGRAM)
    return {"PYTHONPATH": str(folder)}


def missed_imports(folder: Path, project: Path) -> dict[str, set[str]]:
    """By stage, or stage/policy, for those that have run: modules with code that it imported and that its description lacks."""
    tree, described, missed = SourceTree(project / "src"), read_stages(project / "data/code"), {}
    code_in = cache(fingerprint)
    for name in described:
        seen = folder / "seen" / name
        if seen.exists():
            files = {module: tree.module_file(module) for module in seen.read_text().split()}
            has_code = {module for module, file in files.items() if file and code_in(file)}
            missed[name] = has_code - set(described[name]["modules"])
    return missed
