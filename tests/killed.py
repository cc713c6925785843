"""A process that is killed in the middle of what it does, without the seconds of importing: a fork of this one."""

import importlib
import os
import signal
from collections.abc import Callable


def killed_after(name: str, count: int, work: Callable[[], object]) -> None:
    """Do `work` in a process that is killed just after so many calls of a function, named without `understudy.`."""
    process = os.fork()
    if process == 0:
        module_name, _, function = name.rpartition(".")
        module, calls = importlib.import_module(f"understudy.{module_name}"), []
        original = getattr(module, function)

        def call(*arguments, **options):
            result = original(*arguments, **options)
            calls.append(1)
            if len(calls) == count:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(module, function, call)
        try:
            work()
        finally:
            os._exit(1)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL
