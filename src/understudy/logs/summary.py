"""What an import found, as lines for the screen.

Summary -- counts, filled run by run
"""

from collections import Counter
from dataclasses import dataclass, field

from understudy.logs.run import Run

SHOWN = 3  # of the records that were skipped
MISSING = ("task", "group", "outcome", "agent")


@dataclass
class Summary:
    """Counts of an import; `notes` are what was mended or could not be recovered, `skipped` sentences about bad records."""

    files: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    decisions: Counter[str] = field(default_factory=Counter)  # by role
    parallel: int = 0  # turns with several calls
    tools: Counter[str] = field(default_factory=Counter)
    outcomes: list[float] = field(default_factory=list)
    missing: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    skipped: list[str] = field(default_factory=list)
    num_skipped: int = 0

    @property
    def runs(self) -> int:
        return sum(self.formats.values())

    def add(self, run: Run) -> None:
        """Count a run."""
        self.formats[run.format] += 1
        self.steps += len(run.parts)
        self.decisions.update(part.role for part in run.parts if part.decision)
        calls = [part for part in run.parts if part.kind == "tool_call"]
        self.tools.update(part.tool for part in calls if part.tool is not None)
        self.parallel += sum(count > 1 for count in Counter((part.turn, part.actor) for part in calls).values())
        self.missing.update(name for name in MISSING if getattr(run, name) is None)
        self.notes.update(run.notes)
        if run.outcome is not None:
            self.outcomes.append(run.outcome)

    def skip(self, sentence: str) -> None:
        """Count a bad record."""
        self.num_skipped += 1
        if len(self.skipped) < SHOWN:
            self.skipped.append(sentence)

    def lines(self) -> list[str]:
        """What is said on the screen."""
        formats = ", ".join(f"{count} {name}" for name, count in sorted(self.formats.items()))
        decided = ", ".join(f"{count} of {role}s" for role, count in sorted(self.decisions.items()))
        known = f"{len(self.outcomes)} outcomes known"
        if self.outcomes:
            successes = sum(outcome >= 1 for outcome in self.outcomes)
            known += f", mean {sum(self.outcomes) / len(self.outcomes):.3f}, {successes} of 1 or more"
        first = f"{self.runs} runs of {self.files} files ({formats}), {self.steps} steps"
        tools = f"{len(self.tools)} tools, {self.tools.total()} calls of them, {self.parallel} turns with parallel ones"
        return [first, f"decisions: {decided or 'none'}", tools, known, *self._lost()]

    def _lost(self) -> list[str]:
        counts = {f"runs without {name}": count for name, count in sorted(self.missing.items())}
        counts |= dict(sorted(self.notes.items()))
        counts |= {"duplicate runs left out": self.duplicates, "bad records skipped": self.num_skipped}
        lines = [f"  {count} {what}" for what, count in counts.items() if count]
        lines += [f"    {sentence}" for sentence in self.skipped]
        return ["not as it could be:", *lines] if lines else []
