"""What every stage program does around its one call: read params.yaml, and turn failures into one sentence and an exit code."""

import argparse
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from understudy.errors import DataError, ParameterError
from understudy.params import Params, load_params

EXIT_DATA, EXIT_PARAMETERS, EXIT_INTERRUPTED = 1, 2, 130


def run_stage(work: Callable[[Params], None], description: str) -> None:
    """Call `work` with the validated parameters of the current folder, then exit.

    Exit codes: 0 done, 1 bad data or a full disk, 2 bad parameters, 130 interrupted. The message goes to standard error.
    """
    argparse.ArgumentParser(description=description).parse_args()
    _run(work)


def run_policy_stage(work: Callable[[Params, str], None], description: str) -> None:
    """As `run_stage`, for a stage that works on one policy: `work` also gets its name, from `--policy NAME`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--policy", required=True, metavar="NAME", help="a block under `policies:` in params.yaml")
    name = parser.parse_args().policy
    _run(lambda params: work(params, name))


def _run(work: Callable[[Params], None]) -> None:
    name = Path(sys.argv[0]).stem
    try:
        work(load_params(Path("params.yaml")))
    except ParameterError as error:
        _leave(name, str(error), EXIT_PARAMETERS)
    except DataError as error:
        _leave(name, str(error), EXIT_DATA)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EFBIG):
            raise
        _leave(name, f"cannot write {error.filename or 'an output'}: {error.strerror}", EXIT_DATA)
    except KeyboardInterrupt:
        _leave(name, "interrupted; run the same command again", EXIT_INTERRUPTED)


def _leave(name: str, message: str, code: int) -> None:
    if os.environ.get("RANK", "0") == "0":  # of the processes that torchrun starts the first one speaks
        print(f"{name}: {message}", file=sys.stderr)
    sys.exit(code)
