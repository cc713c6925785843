"""Charts as inline SVG: the page's colours, no identifier twice, the same to the byte."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np

from understudy.report import charts
from understudy.report.svg import inline


def drawn(label: str) -> str:
    return inline(lambda axis: charts.returns(axis, {"mlp": np.asarray([1.0, 2.0])}), (3, 2), label)


def test_it_is_one_element_in_the_pages_colours():
    text = drawn('returns of "a" & <b>')
    assert text.startswith(
        '<svg viewBox="0 0 216 144" style="max-width:288px" role="img" aria-label="returns of &quot;a'
    )
    assert text.endswith("</svg>")
    assert "var(--ink)" in text
    assert charts.INK not in text
    ElementTree.fromstring(text.replace("xlink:href", "href"))


def test_identifiers_are_its_own_and_used():
    one, other = (set(re.findall(r' id="([^"]+)"', drawn(label))) for label in ("one", "other"))
    assert one
    assert not one & other
    assert all(f"#{name}" in drawn("one") for name in one)


def test_it_is_the_same_to_the_byte():
    assert drawn("one") == drawn("one")
