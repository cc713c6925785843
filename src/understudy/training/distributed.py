"""Several processes that train one model, each on its rows of every batch, as `torchrun --nproc-per-node=2 PROGRAM` starts them.

process_group(device_name)      -- join the processes that torchrun started
rank_zero_first()               -- the others enter a block after the first process has left it
rank(), count()                 -- which of the processes this one is, and of how many; 0 of 1 without torchrun
shard(number)                   -- the rows of a batch that are this process's
averaged_over_processes(losses) -- a model's losses such that a backward pass averages gradients over the processes
parts_of_batch(losses)          -- what this process's rows contribute to the means of the whole batch
all_reduce_sum(values)          -- the sum over the processes

All processes gather the same batches, so that each knows what the losses of the whole batch are divided by.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from understudy.errors import DataError, ParameterError
from understudy.models.family import Family, Losses
from understudy.sequences.batch import Batch
from understudy.utils.device import resolve_device

LOST = ("Connection closed", "Connection reset", "Broken pipe")


@contextmanager
def process_group(device_name: str) -> Iterator[torch.device]:
    """Give the device of this process, and talk to the other processes where torchrun started several.

    They talk over gloo on the CPU and over NCCL on CUDA, where each has a device of its own.

    Raises:
        ParameterError: the device is not there, or there are fewer CUDA devices than processes.
        DataError: another process ended in the middle.
    """
    device, processes = resolve_device(device_name), int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        yield device
        return
    if device.type == "cuda":
        _take_cuda_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    except RuntimeError as error:
        if not any(sign in str(error) for sign in LOST):
            raise
        raise DataError(f"training: expected {processes} processes to the end, got one that left early") from error
    finally:
        distributed.destroy_process_group()


def _take_cuda_device(local_rank: int) -> None:
    available = torch.cuda.device_count()
    if local_rank >= available:
        raise ParameterError(
            f"--nproc-per-node: expected at most one process for each of {available} CUDA devices, got more"
        )
    torch.cuda.set_device(local_rank)


def rank() -> int:
    """The number of this process, from zero."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


@contextmanager
def rank_zero_first() -> Iterator[None]:
    """A block that the first process leaves before the others enter it."""
    if rank() > 0:
        distributed.barrier()
    yield
    if rank() == 0 and count() > 1:
        distributed.barrier()


def shard(number: int, together: int = 1) -> slice:
    """The rows of `number` that are this process's: neighbours, as many as the others', give or take one.

    Each `together` rows from the first on stay in one process.
    """
    groups = number // together
    return slice(groups * rank() // count() * together, groups * (rank() + 1) // count() * together)


def all_reduce_sum(values: Tensor) -> Tensor:
    """The sum of `values` over the processes, in place."""
    if count() > 1:
        distributed.all_reduce(values)
    return values


def of_all_rows(own: Tensor, rows: slice, number: int) -> Tensor:
    """What the processes say of each of `number` rows, (number,), of what this one says `own` of its `rows`."""
    if count() == 1:
        return own
    whole = own.new_zeros(number)
    whole[rows] = own
    return all_reduce_sum(whole)


def parts_of_batch(losses: Losses) -> dict[str, Tensor]:
    """Each term's mean, weighed by the part of its steps in the whole batch that lies in this process's rows.

    The sum over the processes is then the mean over the whole batch.
    """
    if count() == 1:
        return {name: term.mean for name, term in losses.terms.items()}
    own = torch.stack([term.mask.sum() for term in losses.terms.values()])
    everybody = all_reduce_sum(own.clone()).clamp(min=1)
    return {
        name: term.mean * share
        for (name, term), share in zip(losses.terms.items(), (own / everybody).unbind(), strict=True)
    }


def averaged_over_processes(model: Family) -> Callable[[Batch, torch.Generator], Losses]:
    """The losses of a batch; their backward pass gives each process the mean of all processes' gradients."""
    if count() == 1:
        return model.losses
    # The graph is the same at every step: weights that no loss reaches, such as a token never used, are known after the first.
    parallel = DistributedDataParallel(_Losses(model), static_graph=True, forward_sync_buffers=False)

    def losses(batch: Batch, generator: torch.Generator) -> Losses:
        means, told = parallel(batch, generator)
        return replace(told, terms={name: replace(term, mean=means[name]) for name, term in told.terms.items()})

    return losses


class _Losses(nn.Module):
    """A model whose forward pass is its losses: DistributedDataParallel follows forward passes alone.

    Of what comes out it follows tensors in tuples and dictionaries, and leaves the rest as it is: hence the means by themselves.
    """

    def __init__(self, model: Family) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, generator: torch.Generator) -> tuple[dict[str, Tensor], Losses]:
        losses = self.model.losses(batch, generator)
        return {name: term.mean for name, term in losses.terms.items()}, losses
