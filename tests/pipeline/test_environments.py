"""A stage asks once what the environment offers; whatever it makes in its own process it closes."""

import gymnasium
import pytest

from tests.builders import PARAMETERS_FILE, call_stage
from tests.contracts.small_pipeline import SMALL, set_params
from tests.toys import tiny_policy
from understudy.environments.make import read_spec
from understudy.params.environment import EnvironmentParams
from understudy.policies.files import save_policy
from understudy.utils.jsonfile import write_json

STAGES = {
    "record_rollouts": {},
    "evaluate_references": {"without_expert": False},
    "evaluate_policy": {"policy": "mlp", "seed": 0, "without_expert": False},
}


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A folder with an expert and a student of CartPole, neither of which has learned anything."""
    (tmp_path / "params.yaml").write_bytes(PARAMETERS_FILE.read_bytes())
    set_params(tmp_path, SMALL | {"rollouts.minimum_return": 1.0, "compute.device": "cpu"})
    monkeypatch.chdir(tmp_path)
    spec = read_spec(EnvironmentParams(id="CartPole-v1", kwargs={}))
    for name, folder in (("expert", "expert"), ("mlp", "mlp/seed_0")):
        policy = tiny_policy(name, spec)
        policy.provenance.clear()
        (tmp_path / "models" / folder).mkdir(parents=True)
        save_policy(policy, tmp_path / "models" / folder)
    write_json(tmp_path / "data/columns/mlp.json", {"columns": [], "sources": {}})


@pytest.fixture
def events(monkeypatch):
    """What is made and closed in this process; a worker notes in a copy of its own."""
    noted, make = [], gymnasium.make

    class Noting(gymnasium.Wrapper):
        def close(self):
            noted.append("closed")
            super().close()

    def noting(*arguments, **options):
        noted.append("made")
        return Noting(make(*arguments, **options))

    monkeypatch.setattr(gymnasium, "make", noting)
    return noted


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_makes_one_environment_to_know_its_spec_and_closes_it(workspace, events, stage):
    call_stage(stage, **STAGES[stage])
    assert events == ["made", "closed"]


def test_an_experts_environments_are_made_after_one_look_and_closed(workspace, events):
    call_stage("train_expert")
    assert events == ["made", "closed"] + ["made"] * 4 + ["closed"] * 4 + ["made"] * 32 + ["closed"] * 32
