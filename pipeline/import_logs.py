"""Stage import_logs: transcripts of LLM agents, of many formats, become Parquet. Writes data/logs."""

from pathlib import Path

from understudy.logs.importing import import_logs
from understudy.params.logs import LogParams
from understudy.stage import run_stage


def work(logs: LogParams) -> None:
    summary = import_logs([Path(path) for path in logs.paths], logs.format, Path("data/logs"), logs.skip_bad)
    print("\n".join(summary.lines()))


if __name__ == "__main__":
    run_stage(work, __doc__)
