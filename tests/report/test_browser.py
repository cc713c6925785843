"""The report in a headless browser: no request, nothing in its console, no sideways scrolling, in light and in dark.

Skipped where playwright or its browser is not installed; UNDERSTUDY_BROWSER names another Chromium.
"""

import os

import pytest

from tests.report.outcomes import poles
from understudy.report.page import page
from understudy.report.sections import introduction, sections, title

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no headless browser")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    outcome, path = poles(), tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(title(outcome), introduction(outcome), sections(outcome)), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def tab():
    with playwright.sync_playwright() as running:
        given = os.environ.get("UNDERSTUDY_BROWSER")
        arguments = ["--no-sandbox", "--single-process", "--no-zygote"] if given else []
        try:
            browser = running.chromium.launch(executable_path=given, args=arguments)
        except playwright.Error as error:
            pytest.skip(f"playwright's Chromium does not start: {str(error).splitlines()[0]}")
        yield browser.new_page()  # one for all tests: a browser of a single process ends with its page
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_reads_well_and_stays_by_itself(tab, address, width, scheme):
    requests, said = [], []
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.set_viewport_size({"width": width, "height": 900})
    tab.emulate_media(color_scheme=scheme)
    tab.goto(address)
    assert [url for url in requests if not url.startswith("data:")] == [address]
    assert said == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    style = "getComputedStyle(document.body)"
    ink, paper = (tab.evaluate(f"{style}.{name}") for name in ("color", "backgroundColor"))
    bright = [sum(int(part) for part in colour[4:-1].split(",")) for colour in (ink, paper)]
    assert (bright[0] < bright[1]) == (scheme == "light")
