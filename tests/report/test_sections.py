"""The report's page: what stands in it, that it asks nothing of a network, and that it is the same to the byte."""

import html.parser
import re

import pytest

from tests.report.outcomes import poles, toys
from understudy.report.page import page
from understudy.report.sections import differences_section, flat, introduction, sections, title


def text_of(outcome) -> str:
    return page(title(outcome), introduction(outcome), sections(outcome))


@pytest.fixture(scope="module")
def text():
    return text_of(poles())


class Reader(html.parser.HTMLParser):
    """Notes where a page points to, its tags, identifiers and headings."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.points, self.tags, self.ids, self.headings, self.open = [], [], [], [], []

    def handle_starttag(self, tag, attributes) -> None:
        self.tags.append(tag)
        self.points += [value for name, value in attributes if name.split(":")[-1] in ("href", "src", "srcset", "data")]
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


def test_every_section_is_there(text):
    expected = ["Scores", "Episodes", "Learning curves", "Actions", "Options", "Calibration", "Parameters and versions"]
    assert read(text).headings == expected


def test_it_points_nowhere_but_into_itself(text):
    reader = read(text)
    assert not {"script", "iframe", "object", "embed", "base", "form"} & set(reader.tags)
    inside = [point.removeprefix("#") for point in reader.points if point.startswith("#")]
    assert set(inside) <= set(reader.ids)
    assert all(point.startswith(("#", "data:image/", "data:,")) for point in reader.points)
    assert len(reader.ids) == len(set(reader.ids))
    assert not re.search(r"@import|url\((?!#)|https?://(?!www\.w3\.org)", text)


def test_what_comes_from_files_is_no_markup(text):
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_every_policy_is_shown_best_median_and_worst(text):
    films = re.findall(r'<img alt="(\w+), (\w+): [\d.]+ in (\d+) steps, seed (\d+)" src="data:image/webp', text)
    assert [film[:2] for film in films] == [
        (name, which) for name in ("expert", "random", "mlp", "hierarchical") for which in ("best", "median", "worst")
    ]


def test_it_is_the_same_to_the_byte(text):
    assert text_of(poles()) == text


def test_what_cannot_be_drawn_is_said():
    text = text_of(toys())
    assert "Not drawn: " in text
    assert "data:image/webp" not in text
    assert "Options" not in read(text).headings


def test_what_differs_is_listed():
    before, after = {"mlp": {"score": 0.5}, "old": {"score": 0.1}}, {"mlp": {"score": 0.75}, "new": {"score": 1.0}}
    content = differences_section("HEAD", before, after, [("a.b", "1", "2")]).content
    rows = re.findall(r"<tr>((?:<td>[^<]*</td>)+)</tr>", content)
    cells = [re.findall(r"<td>([^<]*)</td>", row) for row in rows]
    assert cells == [
        ["mlp", "0.500", "0.750", "+0.250"],
        ["new", "none", "1.000", ""],
        ["old", "0.100", "none", ""],
        ["a.b", "1", "2"],
    ]
    same = differences_section("HEAD", after, after, []).content
    assert "All scores are the same." in same
    assert "All parameters are the same." in same


def test_parameters_are_flat():
    assert list(flat({"a": {"b": 1, "c": {}}, "d": [1, "x"]})) == [("a.b", "1"), ("a.c", "{}"), ("d", '[1, "x"]')]
