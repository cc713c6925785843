"""Where this project's code lies."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
