"""What every stage program does around its one call: read its sections of params.yaml, turn failures into a sentence and a code.

run_stage(work, description) -- calls `work`, whose arguments say what it needs
"""

import argparse
import errno
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from understudy.errors import DataError, ParameterError
from understudy.params.load import load_sections

EXIT_DATA, EXIT_PARAMETERS, EXIT_INTERRUPTED = 1, 2, 130
ARGUMENTS: dict[str, dict[str, Any]] = {
    "without_expert": {"action": "store_true", "help": "demonstrations came from elsewhere: there is no expert to ask"},
    "name": {"required": True, "type": str, "metavar": "NAME", "help": "a block under `improvement:` in params.yaml"},
    "policy": {"required": True, "type": str, "metavar": "NAME", "help": "a block under `policies:` in params.yaml"},
    "seed": {"required": True, "type": int, "metavar": "SEED", "help": "one of `training.seeds` in params.yaml"},
    "task": {"required": True, "type": str, "metavar": "TASK", "help": "one of `tasks` in params.yaml"},
}


def run_stage(work: Callable[..., None], description: str | None) -> None:
    """Call `work` with what its arguments name, then exit.

    What ARGUMENTS names is taken from the command line; any other argument is the section of that name in the params.yaml of
    the current folder, validated as its annotation says.

    Exit codes: 0 done, 1 bad data or a full disk, 2 bad parameters, 130 interrupted. The message goes to standard error.
    """
    sections = dict(inspect.get_annotations(work))
    sections.pop("return", None)
    parser = argparse.ArgumentParser(description=description)
    for name in [name for name in ARGUMENTS if name in sections]:
        del sections[name]
        parser.add_argument(f"--{name.replace('_', '-')}", **ARGUMENTS[name])
    given = vars(parser.parse_args())
    name = Path(sys.argv[0]).stem
    try:
        work(**given, **load_sections(Path("params.yaml"), sections))
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


def _leave(name: str, message: str, code: int) -> NoReturn:
    if os.environ.get("RANK", "0") == "0":  # of the processes that torchrun starts the first one speaks
        print(f"{name}: {message}", file=sys.stderr)
    sys.exit(code)
