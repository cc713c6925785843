"""The templates of DVC's plots: a line, a colour and a matrix a policy, in columns that the data has."""

import json

import pytest
from dvc_render.vega import VegaRenderer
from ruamel.yaml import YAML

from tests.imports import ROOT
from tests.toys import recording
from understudy.report.plots import write_plots

PLOTS = [
    (path, how)
    for entry in YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]["compare"]["plots"]
    for path, how in entry.items()
    if "template" in how
]


def strings(tree) -> set[str]:
    """All text in a template."""
    if isinstance(tree, dict):
        return set().union(*map(strings, tree.values()), set())
    if isinstance(tree, list):
        return set().union(*map(strings, tree), set())
    return {tree} if isinstance(tree, str) else set()


@pytest.mark.parametrize(("path", "how"), PLOTS, ids=[path for path, _ in PLOTS])
def test_a_template_tells_policies_apart(tmp_path, path, how):
    curve = [{"step": 10.0, "train_loss": 1.25, "validation_loss": 1.5}]
    write_plots(tmp_path, {"mlp": recording([1.0])}, {"mlp": curve})
    header, row, *_ = (tmp_path / path.rsplit("/", 1)[1]).read_text().splitlines()
    points = [{"rev": "workspace", **dict(zip(header.split(","), row.split(","), strict=True))}]
    template = how["template"].replace("${root}", str(ROOT))
    renderer = VegaRenderer(points, path, x=how["x"], y=how["y"], title=how["title"], template=template)
    filled = renderer.get_filled_template()
    assert not [text for text in strings(filled) if text.startswith("<DVC")]
    assert filled["data"]["values"] == points
    used = {text for text in strings(filled) if text in header.split(",")}
    assert {"policy", how["x"], how["y"]} <= used
    assert json.dumps(filled)
