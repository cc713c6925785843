"""Stage compare: what pruning costs policies of games in text, and what it saves. Writes a summary, a table and a figure.

Every policy is judged in the way of play that was best on other kinds of games, as in studies/words.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from pydantic import BaseModel

from understudy.errors import DataError
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams
from understudy.params.pruning import FINETUNED, FULL, PrunedPolicyParams, PruningParams
from understudy.params.word_evaluation import WordEvaluationParams
from understudy.report.charts import ACCENT, INK, PALE, SECOND, STYLE
from understudy.rollouts.parquet import open_recording
from understudy.stage import run_stage
from understudy.utils.atomic import replace_file, replace_folder
from understudy.utils.jsonfile import read_json, write_json
from understudy.word_evaluation.games_file import JudgedGames, read_games
from understudy.word_evaluation.table import DATA, rows, summarise

METRICS = Path("metrics")
SECTIONS: dict[str, type[BaseModel]] = {"policies": PoliciesParams, "word_evaluation": WordEvaluationParams}
PRUNED, SIZE = {"": SECOND, f"_{FINETUNED}": ACCENT}, "numbers_not_zero"
Summary = dict[str, dict[str, Any]]
Times = Mapping[str, Mapping[str, float]]  # microseconds a step, by the number of games, by way


def work(pruning: PruningParams) -> None:
    sections = load_sections(Path(pruning.project) / "params.yaml", SECTIONS)
    times = read_json(METRICS / "times.json")
    if sorted(times) != sorted(pruning.policies.root):
        raise DataError(f"{METRICS}/times.json: expected times of what is pruned, got of {', '.join(times)}")
    summaries = {
        name: compared(pruning, name, sections["policies"], sections["word_evaluation"])
        for name in pruning.policies.root
    }
    write_json(METRICS / "summary.json", summaries)
    with replace_folder(METRICS / "figures") as folder:
        draw(summaries, times, pruning, folder / "results.png")
    text = "\n".join(f"{name}\n\n{format_table(each, times[name])}" for name, each in summaries.items())
    with replace_file(METRICS / "results.md") as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    print(text, end="")


def compared(pruning: PruningParams, name: str, policies: PoliciesParams, params: WordEvaluationParams) -> Summary:
    """Returns of the data, of demonstrators, of the policy as it is and of all that was made of it, which is told against it."""
    project, plays = Path(pruning.project), params.ways(policies.named(name))
    players = {each.name: judged(project / f"data/players/{each.name}.parquet", params) for each in params.players}
    returns: dict[str, dict[str, np.ndarray]] = {FULL: {}} | {way: {} for way in pruning.policies.named(name).pruned}
    groups = next(iter(players.values())).groups
    folders = [Path("data/evaluation") / name / f"seed_{seed}" for seed in pruning.seeds]
    for way, by_play in returns.items():
        for play in plays:
            games = [judged(folder / way / f"{play}.parquet", params) for folder in folders]
            by_play[play] = np.stack([each.returns for each in games])
    recorded = open_recording(project / "data/raw").episodes["return"]
    told_against = params.model_copy(update={"baseline": FULL})
    summary = summarise(recorded, {who: each.returns for who, each in players.items()}, returns, groups, told_against)
    for way in returns:
        del summary[way]["ways"]
        summary[way] |= read_json(folders[0] / way / "size.json")
    return summary


def judged(path: Path, params: WordEvaluationParams) -> JudgedGames:
    """Games of the seeds that the project's params.yaml names, in their order."""
    games = read_games(path)
    if games.seeds.tolist() != list(params.seeds):
        raise DataError(
            f"{path}: expected the games of word_evaluation, got others; run the stage again that writes them"
        )
    return games


def format_table(summary: Summary, times: Times) -> str:
    """A row for each; what was not measured is left open."""
    header, *lines = rows(summary)
    table = [[*header, "numbers not zero", *(f"µs a step of {games}" for games in times)]]
    table += [["---", "---", *["---:"] * (len(table[0]) - 2)]]
    for line in lines:
        taken = [measured.get(line[0]) for measured in times.values()]
        size = summary[line[0]].get(SIZE)
        cells = ["" if size is None else f"{size:,}", *("" if each is None else f"{each:,.0f}" for each in taken)]
        table.append([*line, *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in table) + "\n"


def draw(summaries: Mapping[str, Summary], times: Mapping[str, Times], pruning: PruningParams, path: Path) -> None:
    """A row of panels a policy: its return against sparsity, size and the time of a step."""
    with pyplot.rc_context(STYLE):
        columns = 2 + len(pruning.timing.batch_sizes)
        size = (3.0 * columns, 2.7 * len(summaries))
        figure, axes = pyplot.subplots(len(summaries), columns, figsize=size, layout="constrained", squeeze=False)
        for row, (name, summary) in zip(axes, summaries.items(), strict=True):
            block = pruning.policies.named(name)
            _against_sparsity(row[0], summary, block)
            _against_size(row[1], summary, block)
            for axis, (games, measured) in zip(row[2:], times[name].items(), strict=True):
                for way, taken in measured.items():
                    _points(axis, {taken: summary[way]}, _colour(way, block), "o", way.removesuffix(f"_{FINETUNED}"))
                axis.set(xlabel=f"µs a step of {games}", xlim=(0, 1.1 * max(measured.values())))
            for axis in row:
                axis.axhline(summary[DATA]["return"], color=PALE, lw=0.8, zorder=0)
                axis.legend(frameon=False, fontsize=7)
            row[0].set_ylabel(f"mean return of {name}")
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def _against_sparsity(axis: Axes, summary: Summary, block: PrunedPolicyParams) -> None:
    for end, colour in PRUNED.items():
        points = {share: summary[f"{way}{end}"] for way, share in block.sparsities.items()}
        _points(axis, points, colour, "o-", "then finetuned" if end else "pruned")
    axis.set(xlabel="share of the weights at zero", xlim=(-0.03, 1.0))


def _against_size(axis: Axes, summary: Summary, block: PrunedPolicyParams) -> None:
    groups = {"weights at zero": list(block.sparsities), "smaller": list(block.structured)}
    for label, ways in groups.items():
        entries = [summary[f"{way}_{FINETUNED}"] for way in ways]
        colour = ACCENT if label == "weights at zero" else SECOND
        _points(axis, {entry[SIZE] / 1000: entry for entry in entries}, colour, "o", label)
    _points(axis, {summary[FULL][SIZE] / 1000: summary[FULL]}, INK, "o", FULL)
    axis.set(xlabel="thousand numbers not zero, finetuned", xlim=(0, None))


def _colour(way: str, block: PrunedPolicyParams) -> str:
    return INK if way == FULL else SECOND if way.removesuffix(f"_{FINETUNED}") in block.structured else ACCENT


def _points(axis: Axes, entries: Mapping[float, Mapping[str, Any]], colour: str, form: str, label: str) -> None:
    """Returns with their intervals, at their places."""
    returns = np.asarray([entry["return"] for entry in entries.values()])
    low, high = (np.asarray([entry[f"return_ci_{end}"] for entry in entries.values()]) for end in ("low", "high"))
    spans = [returns - low, high - returns]
    axis.errorbar(list(entries), returns, spans, color=colour, fmt=form, ms=3.5, lw=1, capsize=2, label=label)


if __name__ == "__main__":
    run_stage(work, __doc__)
