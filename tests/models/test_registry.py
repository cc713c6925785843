"""The registry: files of the folder, and the classes that they end with."""

from pathlib import Path

import pytest
from torch import nn

from understudy.models import registry
from understudy.models.action_transformer import ActionTransformer
from understudy.models.expert import ExpertActor
from understudy.models.registry import DEMONSTRATORS, family_names, load_family


def test_families_are_the_files_of_the_folder_in_order() -> None:
    names = family_names()
    assert {"action_transformer", "hierarchical", "mlp", "multi_agent"} <= set(names)
    assert names == sorted(names)
    files = {path.stem for path in Path(registry.__file__).parent.glob("*.py")}
    assert files - set(names) == {"__init__", "family", "registry", *DEMONSTRATORS}


@pytest.mark.parametrize("name", [*family_names(), *DEMONSTRATORS])
def test_a_name_stands_for_the_class_of_its_file(name: str) -> None:
    family = load_family(name)
    assert issubclass(family, nn.Module)
    assert family.__module__ == f"understudy.models.{name}"


def test_two_names_and_their_classes() -> None:
    assert load_family("action_transformer") is ActionTransformer
    assert load_family("expert") is ExpertActor


@pytest.mark.parametrize("name", ["family", "registry", "__init__", "lstm", "", "mlp.py", "../losses/masking"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"family: expected one of action_transformer, .*, expert, scripted, function, got "
    ) as caught:
        load_family(name)
    assert str(caught.value).endswith(f"got {name!r}")
