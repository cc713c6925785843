"""A chart as SVG for a page: inline, its colours those of the page, light or dark, the same to the byte for the same data.

inline(draw, size, label) -- the element as text
"""

import io
import re
from collections.abc import Callable

from matplotlib import pyplot
from matplotlib.axes import Axes

from understudy.report.charts import ACCENT, INK, PALE, SECOND, STYLE

VARIABLES = {INK: "var(--ink)", PALE: "var(--pale)", ACCENT: "var(--accent)", SECOND: "var(--second)"}
POINTS_AN_INCH = 72


def inline(draw: Callable[[Axes], object], size: tuple[float, float], label: str) -> str:
    """Draw onto fresh axes of this size, in inches, and return an <svg> element.

    Args:
        draw: a chart.
        size: width and height; the page shows an inch as 96 pixels at most.
        label: what it shows, for those who do not see it; also makes the identifiers in it unlike another chart's.
    """
    settings = STYLE | {"svg.fonttype": "none", "svg.hashsalt": label, "savefig.transparent": True}
    with pyplot.rc_context(settings):
        figure, axis = pyplot.subplots(figsize=size, layout="constrained")
        draw(axis)
        file = io.StringIO()
        figure.savefig(file, format="svg", dpi=160, metadata={"Date": None})
        pyplot.close(figure)
    return _for_page(file.getvalue(), size, label)


def _for_page(text: str, size: tuple[float, float], label: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", text, flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)", text))
    text = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, variable)
    width, height = (POINTS_AN_INCH * each for each in size)
    named = label.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    opening = (
        f'<svg viewBox="0 0 {width:g} {height:g}" style="max-width:{96 * size[0]:g}px" role="img" aria-label="{named}">'
    )
    text = re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1)
    return re.sub(r"\s*\n\s*", " ", text).strip()
