"""For mkdocs: the pipeline's figures and the benchmarks' become part of the site, where the pages show them, in figures/."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("metrics/figures", "benchmarks/figures")


def on_files(files: Files, *, config: Any) -> Files:
    """Called by mkdocs once it has found the pages."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).glob("*.png")):
            files.append(File.generated(config, f"figures/{path.name}", abs_src_path=str(path)))
    return files
