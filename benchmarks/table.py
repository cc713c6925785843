"""peers.json as a Markdown table: markdown(content, names)."""

COLUMNS = ("the work", "ours", "theirs", "ratio [quartiles]", "rounds", "floor, and ours against it")


def markdown(content: dict, names: list[str]) -> str:
    """A heading, the machine, and one row a comparison of the named groups, failed ones included.

    What was measured by itself, on another processor, says on which.
    """
    machine = content["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["peers"].items())
    lines = [
        "# Ours against the peers",
        "",
        f"{machine['cores']} cores of {machine['processor']}; Python {machine['python']}; the peers: {versions}.",
        "Medians over rounds in which the programs take turns. A ratio above 1 means that ours is faster; it is the median",
        "of the rounds' own ratios. The floor is what the machine, measured in the same run, could do at best.",
        "A score is 0 for the random actor and 1 for the expert; its interval is a bootstrap over training seeds and episodes.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
    ]
    for name in names:
        group = content["groups"].get(name, {"rows": []})
        elsewhere = group.get("processor", machine["processor"])
        where = "" if elsewhere == machine["processor"] else f", on {elsewhere}"
        lines += [_row(row | {"work": row["work"] + where}, group) for row in group["rows"]]
    return "\n".join(lines) + "\n"


def _row(row: dict, group: dict) -> str:
    for key, word in (("error", "failed"), ("skipped", "not measured")):
        if key in row:
            return f"| {row['work']} | {word}: {row[key].replace('|', '/')} |{' |' * (len(COLUMNS) - 2)}"
    if "difference" in row:
        return _score_row(row, group)
    unit, ratio, floor = row["unit"], row["ratio"], row["floor"]
    sign = "≥ " if row["at_least"] else ""
    cells = [
        row["work"] + (" (quick)" if group["quick"] else ""),
        f"{row['ours']['who']}: {number(row['ours']['median'])} {unit}",
        f"{row['theirs']['who']}: {sign}{number(row['theirs']['median'])} {unit}",
        f"{sign}{ratio['median']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]",
        str(group["rounds"]),
        f"{floor['what']}: {number(floor['value'])} {unit}; ours {floor['ours']:.2f} times that",
    ]
    if "note" in row:
        note = row["note"]
        cells[0] += (
            f" ({note['what'].replace('_', ' ')}: {100 * note['ours']:.1f} % of a step, theirs {100 * note['theirs']:.1f} %)"
        )
    return f"| {' | '.join(cells)} |"


def _score_row(row: dict, group: dict) -> str:
    cells = [row["work"] + (" (quick)" if group["quick"] else "")]
    for side in ("ours", "theirs"):
        each = row[side]
        seeds = f"{each['training_seeds']} training seed{'s' * (each['training_seeds'] > 1)}"
        cells.append(f"{each['who']}, {seeds}: score {_interval(each)}, return {each['return_mean']:.1f}")
    cells += [f"ours less theirs: {_interval(row['difference'])}", str(group["rounds"])]
    cells.append(f"random actor {row['references']['random']:.1f}, expert {row['references']['expert']:.1f}")
    return f"| {' | '.join(cells)} |"


def _interval(figures: dict) -> str:
    return f"{figures['score']:.3f} [{figures['low']:.3f}, {figures['high']:.3f}]"


def number(value: float) -> str:
    """Three digits at least, thousands apart: 0.0123, 4.56, 123, 45,678."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
