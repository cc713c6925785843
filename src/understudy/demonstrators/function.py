"""A demonstrator that is a function of the user's own."""

from understudy.environments.make import read_spec
from understudy.errors import ParameterError
from understudy.interface import raw_interface
from understudy.params.environment import EnvironmentParams
from understudy.params.expert import FunctionParams
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy


def function_expert(environment: EnvironmentParams, function: FunctionParams) -> TrainedPolicy:
    """The function as a policy without weights.

    Raises:
        ParameterError: it cannot be imported, is not callable, or the environment has several agents.
    """
    spec = read_spec(environment)
    if spec.num_agents > 1:
        raise ParameterError(
            f"expert.algorithm: expected an environment of one agent for a function, got {spec.environment_id}"
        )
    config, interface = function.model_dump(), raw_interface(spec)
    model = build_model("function", config, interface, "expert")
    model.begin(0)
    return TrainedPolicy(model.eval(), "function", config, interface)
