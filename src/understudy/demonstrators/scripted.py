"""Demonstrators that are written rather than trained."""

from understudy.environments.make import read_spec
from understudy.errors import ParameterError
from understudy.interface import raw_interface
from understudy.params.environment import EnvironmentParams
from understudy.params.expert import ScriptedParams
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy

SPREAD = "mpe2.simple_spread_v3"


def scripted_expert(environment: EnvironmentParams, script: ScriptedParams) -> TrainedPolicy:
    """The script for an environment, as a policy without weights.

    Args:
        environment: its id and kwargs; the number of agents is read from it.
        script: how the agents steer.

    Raises:
        ParameterError: there is none for this environment.
    """
    spec = read_spec(environment)
    if spec.environment_id != SPREAD or "landmark_0_x" not in spec.components:
        raise ParameterError(
            f"expert.algorithm: expected {SPREAD} with all in sight, the only environment with a script,"
            f" got scripted for {spec.environment_id} with {spec.kwargs or 'no kwargs'}"
        )
    config, interface = script.model_dump(), raw_interface(spec)
    return TrainedPolicy(build_model("scripted", config, interface, "expert").eval(), "scripted", config, interface)
