"""understudy COMMAND: what people do beside `dvc repro`.

main() -- parses, runs the command, and turns failures into a sentence and an exit code
A command is a module of this folder with HELP, EXAMPLE, add_arguments(parser) and run(arguments).
"""

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import shtab

import understudy
from understudy.errors import DataError, ParameterError
from understudy.stage import EXIT_DATA, EXIT_INTERRUPTED, EXIT_PARAMETERS

COMMANDS = (
    "new",
    "import",
    "import logs",
    "export",
    "inspect",
    "watch",
    "play",
    "imagine",
    "generate",
    "search",
    "report",
)
KEYWORDS = {"import": "import_demonstrations", "import logs": "import_logs"}  # no module may be called so


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command and exit: 0 done, 1 bad data, 2 bad parameters, 130 interrupted. Messages go to standard error."""
    given = build_parser().parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
    sys.path.extend(str(folder) for folder in custom_folders(Path.cwd()))
    try:
        given.run(given)
    except ParameterError as error:
        _leave(f"understudy {given.command}: {error}", EXIT_PARAMETERS)
    except DataError as error:
        _leave(f"understudy {given.command}: {error}", EXIT_DATA)
    except KeyboardInterrupt:
        _leave(f"understudy {given.command}: interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
    except OSError as error:
        _leave(f"understudy {given.command}: {error.filename or 'a file'}: {error.strerror}", EXIT_DATA)
    sys.exit(0)


def custom_folders(here: Path) -> list[Path]:
    """Where the project's own modules lie, which policies may name: custom/, which pipeline/run.py also adds."""
    projects = (place for place in (here, *here.parents) if (place / "pipeline/run.py").is_file())
    return [place / "custom" for place in projects][:1]


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(
        prog="understudy",
        description="Imitation learning as a DVC pipeline. The pipeline itself runs by `dvc repro`.",
        epilog="example: understudy watch models/decoder --seed 7 --out flight.webp",
    )
    parser.add_argument("--version", action="version", version=f"understudy {understudy.__version__}")
    shtab.add_argument_to(parser, ["--print-completion"], help="print a completion script for bash, zsh or tcsh")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = _module(name)
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=f"{module.HELP[0].upper()}{module.HELP[1:]}.",
            epilog=f"example: {module.EXAMPLE}",
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def _joined(arguments: list[str]) -> list[str]:
    """`import logs` as one word, unless `import` is told of an environment: then logs is a folder of demonstrations."""
    demonstrations = any(each.partition("=")[0] == "--environment" for each in arguments)
    if arguments[:2] == ["import", "logs"] and not demonstrations:
        return ["import logs", *arguments[2:]]
    return arguments


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"understudy.cli.{KEYWORDS.get(command, command)}")


def _leave(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)
