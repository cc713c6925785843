"""Stage import_demonstrations: demonstrations that exist already, in place of an expert and its rollouts. Writes data/raw."""

from pathlib import Path

from understudy.environments.make import read_spec
from understudy.params.demonstrations import DemonstrationParams
from understudy.params.environment import EnvironmentParams
from understudy.rollouts.own import check_own
from understudy.rollouts.parquet import read_recording, write_recording
from understudy.sources.read import read_demonstrations
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder


def work(environment: EnvironmentParams, demonstrations: DemonstrationParams) -> None:
    spec = read_spec(environment)
    check_own(Path("data/raw"), "imported")
    with replace_folder(Path("data/raw")) as folder:
        write_recording(folder, spec, "imported", read_demonstrations(demonstrations, spec))
        episodes = read_recording(folder).episodes
    steps, returns = int(episodes["length"].sum()), episodes["return"]
    spread = f"{returns.mean():.1f} ({returns.min():.1f} to {returns.max():.1f})"
    print(f"{len(returns)} episodes, {steps} steps, mean return {spread}")


if __name__ == "__main__":
    run_stage(work, __doc__)
