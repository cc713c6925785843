"""Stage report: everything about a run on one page. Writes metrics/report.html, a file that needs nothing else to be read."""

from pathlib import Path

import torch

from understudy.report.outcome import read_outcome
from understudy.report.page import page
from understudy.report.sections import introduction, sections, title
from understudy.stage import run_stage
from understudy.utils.atomic import replace_file

LOADS = ("ALL_FAMILIES",)
TARGET = Path("metrics/report.html")


def work() -> None:
    torch.set_num_threads(1)  # an episode's tensors are tiny
    outcome = read_outcome(Path())
    text = page(title(outcome), introduction(outcome), sections(outcome))
    with replace_file(TARGET) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    print(f"{TARGET}: {len(text) / 1e6:.1f} MB")


if __name__ == "__main__":
    run_stage(work, __doc__)
