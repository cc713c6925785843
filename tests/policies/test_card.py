"""The model card says what a policy is, and how to load it."""

from dataclasses import replace

from tests.toys import CHOICES, tiny_policy
from understudy.policies.card import write_card


def test_a_card_names_what_the_policy_sees_and_does(tmp_path):
    spec = replace(
        CHOICES, action_names=("nothing", "left", "main", "right"), wrappers=({"name": "FlattenObservation"},)
    )
    write_card(tmp_path, "decoder/seed_3", tiny_policy("mlp", spec, hidden=("y",)), {"learned from": "7 | 8 episodes"})
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# decoder/seed_3\n")
    for row in (
        "| environment | `Toy-v0`, 1 agent |",
        "| made with | `{}`, wrappers `[{'name': 'FlattenObservation'}]` |",
        "| sees | x, z |",
        "| does not see | y |",
        "| does | one of nothing, left, main, right |",
        "| learned from | 7 / 8 episodes |",
    ):
        assert row in text
    assert 'understudy.load_policy("models/decoder/seed_3")' in text


def test_the_number_of_weights_is_that_of_the_tensors(tmp_path):
    policy = tiny_policy("mlp", CHOICES)
    write_card(tmp_path, "mlp", policy, {})
    count = sum(parameter.numel() for parameter in policy.model.parameters())
    assert f"| numbers | {count:,}, float32 |" in (tmp_path / "README.md").read_text(encoding="utf-8")
