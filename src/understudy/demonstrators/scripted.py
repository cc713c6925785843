"""Demonstrators that are written rather than trained."""

from understudy.environments.make import describe, make_environment
from understudy.environments.view import ObservationView
from understudy.errors import ParameterError
from understudy.params import EnvironmentParams, ScriptedParams
from understudy.policy import Policy, build_model
from understudy.sequences.normalise import Normalisation

SPREAD = "mpe2.simple_spread_v3"


def scripted_expert(environment: EnvironmentParams, script: ScriptedParams) -> Policy:
    """The script for an environment, as a policy without weights.

    Args:
        environment: its id and kwargs; the number of agents is read from it.
        script: how the agents steer.

    Raises:
        ParameterError: there is none for this environment.
    """
    spec = describe(make_environment(environment.id, environment.kwargs))
    if spec.environment_id != SPREAD or "landmark_0_x" not in spec.components:
        raise ParameterError(
            f"expert.algorithm: expected {SPREAD} with all in sight, the only environment with a script,"
            f" got scripted for {spec.environment_id} with {spec.kwargs or 'no kwargs'}"
        )
    config = {"num_agents": spec.num_agents, **script.model_dump()}
    normalisation = Normalisation.none(spec.state_dim)
    model = build_model("scripted", config, spec, normalisation, "expert.scripted")
    return Policy(model.eval(), "scripted", config, spec, ObservationView(spec.components, ()), normalisation)
