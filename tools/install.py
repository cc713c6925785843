"""Put what requirements.lock pins, and this project itself, into the environment of the Python that runs this.

Run by make: .venv/bin/python tools/install.py [--installer pip] [--torch-backend auto]
uv, which comes from pip, does in seconds what takes pip a minute. It is told what pip has been told by variables and files (where
to find packages, certificates), so that it finds what pip would find. Where uv cannot do it, pip does.
"""

import argparse
import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UV = "uv==0.13.9"
LOCK = ("--requirement", "requirements.lock")
PROJECT = ("--no-deps", "--no-build-isolation", "--editable", ".")  # setuptools, which builds it, is in the lock file
# An option of pip, the variable that tells uv the same, and what stands between several values there.
SAME = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "no-index": ("UV_NO_INDEX", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "proxy": ("ALL_PROXY", " "),
}
SECTIONS = ("global", "install", ":env:")  # of pip's configuration, the later one counts
CUDA = (" + nvidia-", " + cuda-")
# What dvc, pytest and stages import that takes long to compile, by two processes.
IMPORTED = (
    "import dvc.commands.repro, dvc.commands.experiments.run, gymnasium, hypothesis, matplotlib.pyplot, pyarrow.parquet,"
    "pydantic, pytest, sklearn.cluster, sklearn.linear_model",
    "import scipy.stats, torch._dynamo, safetensors.torch, stable_baselines3",
)


class InstallError(Exception):
    """A command that failed, by what it said."""


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """What a command printed, on both of its streams.

    Raises:
        InstallError: it failed or is not there; the message is its line with "error", or else its last one.
    """
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except OSError as error:
        raise InstallError(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()] or ["nothing was said"]
        raise InstallError(next((line for line in lines if line.lower().startswith("error")), lines[-1]))
    return done.stdout


def uv_environment(pip_config: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables under which uv looks where pip does; what uv has been told itself stays.

    Args:
        pip_config: what `pip config list` prints: a line `section.option='value'` each.
        environment: the variables of this process.
    """
    options: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in pip_config.splitlines():
        key, found, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if found and section in options:
            options[section][option.replace("_", "-")] = str(ast.literal_eval(value))
    told = options["global"] | options["install"] | options[":env:"]
    same = {
        variable: between.join(told[option].split()) for option, (variable, between) in SAME.items() if option in told
    }
    # pip takes the best of all indexes, uv by default the first that knows a name.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_PYTHON_DOWNLOADS": "never"} | same | dict(environment)


def takes_cuda(plan: str) -> bool:
    """Whether a dry run of uv would install torch's build for CUDA, gigabytes of it."""
    return any(line.startswith(CUDA) for line in plan.splitlines())


def by_uv(backend: str) -> None:
    """Install by uv.

    Raises:
        InstallError: uv is not to be had here, or cannot do it.
    """
    run(sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", UV)
    environment = uv_environment(run(sys.executable, "-m", "pip", "config", "list"), os.environ)
    uv = (sys.executable, "-m", "uv", "pip", "install", "--python", sys.prefix)
    chosen = () if backend == "cpu" else ("--torch-backend", backend)
    if backend == "cpu" and takes_cuda(run(*uv, "--dry-run", *LOCK, environment=environment)):
        chosen = ("--torch-backend", "cpu")
        try:
            run(*uv, "--dry-run", *chosen, *LOCK, environment=environment)
        except InstallError:
            chosen = ()
            say(
                "torch's CPU build is not where packages are looked for (PIP_FIND_LINKS); its build for CUDA comes, gigabytes"
            )
    run(*uv, "--quiet", *chosen, *LOCK, environment=environment)
    run(*uv, "--quiet", *PROJECT, environment=environment)
    compile_imported()


def compile_imported() -> None:
    """Compile what is imported: uv leaves that to the first import, and stages, which write no bytecode, would do it each time.

    Raises:
        InstallError: something cannot be imported.
    """
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda imports: run(sys.executable, "-c", imports, environment=environment), IMPORTED))


def by_pip() -> None:
    """Install by pip, which shows its own errors.

    Raises:
        CalledProcessError: pip failed.
    """
    for what in (LOCK, PROJECT):
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *what], cwd=ROOT, check=True)


def say(sentence: str) -> None:
    print(f"install: {sentence}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--installer", choices=("uv", "pip"), default="uv")
    parser.add_argument(
        "--torch-backend",
        default="cpu",
        help="whose build of torch uv looks for: cpu, auto (this machine's), cu130, ...",
    )
    given = parser.parse_args()
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    try:
        if given.installer == "uv":
            try:
                return by_uv(given.torch_backend)
            except InstallError as error:
                say(f"uv could not do it ({error}), so pip does, in a minute or two")
        by_pip()
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"install: pip ended with exit code {error.returncode}; run the same command again once what it says is mended"
        )


if __name__ == "__main__":
    main()
