"""Weights of a model of several tasks for another model of the same family and sizes.

take_weights(own, other, numbers, read) -- what both share, and what belongs to the tasks that both have

Of the tokens and heads of task_tokens.py and task_heads.py belong to a task: the maps of a TaskLinear, and the entries along the
first axis of PER_TASK. All else means the same in every task: the trunk, the token of a dropped action, of fine tokens the
vectors and logits of values and bins, and the maps of pictures, in one of which components have their columns by their names. Of
the demonstrations that task_prompts.py keeps, a model's own are kept, and of a task of
which it has none the other's.
"""

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

MAPS = ".maps."
KEPT, KEPT_LENGTHS = ("prompt_entries", "prompt_lengths", "prompt_states"), "prompts.prompt_lengths"
PER_TASK = frozenset(
    {
        "choice_vectors",
        "component_directions",
        "component_vectors",
        "entry_directions",
        "entry_vectors",
        "task_vectors",
    }
)
BY_NAME = "images.condition_map.weight"

Read = tuple[Sequence[str], Sequence[str]]


def take_weights(
    own: Mapping[str, Tensor], other: Mapping[str, Tensor], numbers: Sequence[int | None], read: Read
) -> tuple[dict[str, Tensor], dict[str, int]]:
    """The weights of a model with those of another in their place.

    Tensors of which one model has more, since it has wider tasks, are taken as far as they reach.

    Args:
        own: of the model, by name.
        other: of the other one.
        numbers: of each of the model's tasks which of the other's it is; None for a new one.
        read: names of the components that patches of pictures read, in the order of their columns, of the model and of the other.

    Returns:
        All of the model's weights, and how many numbers of each tensor are the other's.
    """
    taken, counts = {}, {}
    for name, weights in own.items():
        taken[name] = weights.clone()
        counts[name] = sum(
            _copy(place, source) for place, source in _places(name, taken[name], own, other, numbers, read)
        )
    return taken, counts


def _places(
    name: str,
    weights: Tensor,
    own: Mapping[str, Tensor],
    other: Mapping[str, Tensor],
    numbers: Sequence[int | None],
    read: Read,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Parts of a tensor, and what the other model has for each."""
    if MAPS in name:
        before, _, after = name.partition(MAPS)
        own_number, _, rest = after.partition(".")
        number = numbers[int(own_number)]
        if number is not None and (source := other.get(f"{before}{MAPS}{number}.{rest}")) is not None:
            yield weights, source
    elif name in other and name.rpartition(".")[2] in KEPT:
        without = ~own[KEPT_LENGTHS].any(dim=1)
        for place, source_place, empty in zip(weights, numbers, without, strict=True):
            if source_place is not None and empty:
                yield place, other[name][source_place]
    elif name in other and name.rpartition(".")[2] in PER_TASK:
        for place, source_place in zip(weights, numbers, strict=True):
            if source_place is not None:
                yield place, other[name][source_place]
    elif name in other and name.endswith(BY_NAME):
        theirs = {component: column for column, component in enumerate(read[1])}
        for column, component in enumerate(read[0]):
            if component in theirs:
                yield weights[:, column], other[name][:, theirs[component]]
    elif name in other:
        yield weights, other[name]


def _copy(weights: Tensor, source: Tensor) -> int:
    """Copy as far as both reach along each axis; returns how many numbers that is."""
    reach = tuple(slice(min(sizes)) for sizes in zip(weights.shape, source.shape, strict=True))
    weights[reach] = source[reach]
    return weights[reach].numel()
