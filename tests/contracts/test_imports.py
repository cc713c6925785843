"""Imports run one way, `__init__` files are docstrings, nothing is imported behind the back of the `code` stage, and no stage's
closure holds what another kind of stage alone needs."""

import ast
import shutil

import pytest

from tests.contracts.small_pipeline import describe
from tests.imports import ROOT, SOURCE
from understudy.code.closure import BY_NAME, SourceTree, constant, parse
from understudy.code.stages import loads, stage_names
from understudy.models.registry import DEMONSTRATORS, family_names
from understudy.utils.jsonfile import read_json, write_json

PACKAGE = SOURCE / "understudy"
TREE = SourceTree(SOURCE)
BOTTOM = {"errors", "validation", "params", "spec", "episode", "step", "interface", "scales", "utils"}
ALLOWED = {
    "errors": set(),
    "spec": set(),
    "episode": set(),
    "step": set(),
    "validation": set(),
    "interface": {"errors", "scales", "spec"},
    "scales": set(),
    "params": {"errors", "models.registry", "validation"},
    "utils": {"errors"},
    "stage": BOTTOM,
    "code": {"errors", "models.registry", "params.whole", "params.word_project", "utils"},
    "environments": BOTTOM,
    "rollouts": BOTTOM | {"environments"},
    "sequences": BOTTOM | {"rollouts"},
    "nn": {"errors", "interface", "scales", "sequences.batch", "sources.optional", "step", "utils.masking"},
    "losses": set(),
    "planning": {"nn", "utils.draws"},
    "models": {"errors", "interface", "nn", "losses", "planning", "sequences.batch", "step", "utils.named"},
    "policies": BOTTOM
    | {"models.family", "models.registry", "models.trajectory_transformer", "nn.task_images", "nn.task_weights"},
    "demonstrators": BOTTOM | {"environments", "nn.heads", "policies"},
    "options": BOTTOM | {"sequences"},
    "training": BOTTOM | {"models.family", "nn.heads", "sequences"},
    "improvement": BOTTOM | {"environments", "models.family", "policies", "rollouts", "sequences", "training"},
    "evaluation": BOTTOM | {"options.usage", "rollouts"},
    "report": BOTTOM | {"evaluation.read", "policies.files", "replay", "rollouts", "sequences.returns"},
    "sources": BOTTOM | {"environments", "rollouts"},
    "pruning": BOTTOM
    | {
        "evaluation",
        "nn.attention",
        "nn.linear_attention",
        "nn.trunk",
        "policies",
        "report",
        "rollouts",
        "sequences",
        "training",
    },
    "tasks": BOTTOM,
    "embeddings": BOTTOM | {"sources.optional"},
    "logs": BOTTOM
    | {
        "embeddings.embedder",
        "embeddings.words",
        "nn.cache",
        "nn.row_memory",
        "policies",
        "rollouts.table",
        "sequences.splits",
        "sources.optional",
    },
    "log_evaluation": BOTTOM
    | {
        "embeddings.words",
        "evaluation.statistics",
        "logs",
        "policies",
        "report.charts",
        "report.page",
        "report.svg",
        "rollouts",
        "sequences.splits",
    },
    "generation": BOTTOM | {"models.language_q", "policies", "tasks"},
    "word_evaluation": BOTTOM
    | {"evaluation.statistics", "generation", "models.language_q", "policies", "report", "rollouts.table", "tasks"},
    "replay": BOTTOM | {"environments", "models", "nn.maps", "policies", "sources.optional"},
    "search": BOTTOM
    | {
        "code",
        "environments",
        "models.registry",
        "options.labels",
        "policies",
        "report.charts",
        "rollouts",
        "sequences",
        "sources.optional",
        "training",
    },
    "cli": BOTTOM
    | {
        "environments",
        "generation",
        "logs",
        "policies",
        "replay",
        "report",
        "rollouts",
        "search",
        "sequences",
        "sources",
        "stage",
        "tasks",
    },
    "public": set(),
    "__main__": {"cli"},
}
# Functions that import or run a file which no import statement names, and the files that may call them.
DYNAMIC = {"import_module", "__import__", "exec", "run_path", "run_module", "spec_from_file_location"}
MAY_IMPORT_BY_NAME = {
    "pipeline/run.py",  # the stage's program, which heads its own description
    "src/understudy/__init__.py",  # `understudy.load_policy`, for people; no stage asks for it
    "src/understudy/models/registry.py",  # families, which LOADS names
    "src/understudy/cli/main.py",  # commands, for people; no stage runs them
    "src/understudy/sources/optional.py",  # libraries of extras, in a file that changes no result
    "src/understudy/utils/named.py",  # what params.yaml names in custom/, which the stage code describes
}
LOG_STAGES = {
    "compare_logs",
    "embed_texts",
    "evaluate_log",
    "evaluate_log_baselines",
    "evaluate_log_retrieval",
    "pack_log_policy",
    "pack_reply_policy",
    "record_logs",
    "report_logs",
}
OF_A_POLICY = (
    "train_policy",
    "evaluate_policy",
    "evaluate_task",
    "improve_policy",
    "prune_policy",
    "evaluate_pruned",
    "search_policy",
    "evaluate_log",
    "evaluate_words",
    "pack_log_policy",
    "pack_reply_policy",
)
OF_ALL_POLICIES = {"report", "report_logs", "report_words", "time_pruned"}
WORD_STAGES = {"compare_words", "evaluate_word_players", "evaluate_words", "report_words"}
# Modules that one kind of stage alone needs, and the stages that may have them.
ALONE = {
    "understudy.code.": {"search_policy"},
    "understudy.demonstrators.fast_ppo": {"train_expert"},
    "understudy.demonstrators.sb3": {"train_expert"},
    "understudy.environments.play": {
        "train_expert",
        "record_rollouts",
        "evaluate_references",
        "evaluate_policy",
        "evaluate_pruned",
        "evaluate_task",
        "improve_policy",
        "search_policy",
        "report",
    },
    "understudy.embeddings.": {
        "embed_texts",
        "evaluate_log_retrieval",
        "pack_log_policy",
        "pack_reply_policy",
        "record_logs",
    },
    "understudy.evaluation.": {
        "compare",
        "compare_logs",
        "compare_pruned",
        "compare_words",
        "evaluate_log_retrieval",
        "report",
        "report_logs",
        "report_words",
    },
    "understudy.generation.": {"evaluate_words", "report_words"},
    "understudy.improvement.": {"improve_policy"},
    "understudy.log_evaluation.": {
        "compare_logs",
        "evaluate_log",
        "evaluate_log_baselines",
        "evaluate_log_retrieval",
        "report_logs",
    },
    "understudy.logs.": {"import_logs", *LOG_STAGES},
    "understudy.options.discovery": {"label_options"},
    "understudy.policies.predict": set(),  # what plays from Python is no stage's: its edit reruns nothing
    "understudy.pruning.": {"compare_pruned", "evaluate_pruned", "prune_policy", "time_pruned"},
    "understudy.replay.": {"report", "report_logs"},
    "understudy.report.": {
        "compare",
        "compare_logs",
        "compare_pruned",
        "report",
        "report_logs",
        "report_words",
        "search_policy",
    },
    "understudy.rollouts.record": {
        "record_rollouts",
        "evaluate_references",
        "evaluate_policy",
        "evaluate_pruned",
        "evaluate_task",
        "search_policy",
    },
    "understudy.search.": {"search_policy"},
    "understudy.sequences.build": {"build_sequences"},
    "understudy.tasks.": {"record_words", *WORD_STAGES},
    "understudy.training.": {"improve_policy", "prune_policy", "search_policy", "train_policy"},
    "understudy.word_evaluation.": WORD_STAGES,
}


@pytest.fixture(scope="module")
def described(made_once):
    """Every stage's description, with a policy of each family."""

    def make(folder):
        write_json(folder / "stages.json", describe(ROOT, {family: family for family in family_names()}))

    return read_json(made_once("described", make) / "stages.json")


def part(file):
    """The part of the house that a file lies in: `nn`, `params`, ..."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules():
    return [file for file in sorted(PACKAGE.rglob("*.py")) if file.name != "__init__.py"]


@pytest.mark.parametrize("file", modules(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_imports_only_what_lies_below_it(file):
    for module in TREE.direct_imports(file).modules:
        imported = TREE.module_file(module)
        if imported.name == "__init__.py" or part(imported) == part(file):
            continue
        dotted = module.removeprefix("understudy.")
        allowed = ALLOWED[part(file)]
        assert part(imported) in allowed or dotted in allowed, f"{file} must not import {dotted}"


def test_nothing_imports_the_pipeline():
    assert [file for file in modules() if "pipeline" in TREE.direct_imports(file).packages] == []


def test_only_the_expert_imports_stable_baselines3():
    users = [file for file in modules() if "stable_baselines3" in TREE.direct_imports(file).packages]
    assert sorted(users) == [PACKAGE / "demonstrators" / name for name in ("fast_ppo.py", "ppo_options.py", "sb3.py")]
    [user] = [f for f in modules() if "understudy.demonstrators.fast_ppo" in TREE.direct_imports(f).modules]
    assert user == PACKAGE / "demonstrators" / "sb3.py"


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("*/__init__.py")), ids=lambda file: file.parent.name)
def test_a_package_holds_nothing_but_its_docstring(file):
    body = ast.parse(file.read_text()).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)


def imports_by_name(root):
    """Files that import by a name that no walk can read, and say nothing of it."""
    found = []
    for file in sorted([*(root / "src").rglob("*.py"), *(root / "pipeline").glob("*.py")]):
        tree = parse(file)
        calls = {ast.unparse(node.func).split(".")[-1] for node in ast.walk(tree) if isinstance(node, ast.Call)}
        name = str(file.relative_to(root))
        if calls & DYNAMIC and name not in MAY_IMPORT_BY_NAME and constant(tree, BY_NAME) is None:
            found.append(name)
    return found


def test_nothing_is_imported_by_name_but_what_is_registered():
    assert imports_by_name(ROOT) == []


@pytest.mark.parametrize("call", ["importlib.import_module(name)", "__import__(name)", "runpy.run_module(name)"])
def test_a_module_imported_lazily_and_not_registered_is_found(tmp_path, call):
    shutil.copytree(PACKAGE / "training", tmp_path / "src/understudy/training")
    with (tmp_path / "src/understudy/training/loop.py").open("a") as module:
        module.write(f"\n\ndef _plugin(name):\n    return {call}\n")
    assert imports_by_name(tmp_path) == ["src/understudy/training/loop.py"]


@pytest.mark.parametrize("stage", stage_names(ROOT))
def test_every_program_says_which_families_it_loads(stage):
    """`loads` refuses a program from which `load_family` can be reached and which does not say it."""
    families = [*family_names(), *DEMONSTRATORS, "POLICY", "ALL_FAMILIES", "EVERY_POLICY"]
    assert set(loads(ROOT / "pipeline" / f"{stage}.py", TREE)) <= set(families)


@pytest.mark.parametrize("stage", ["train_expert", "record_rollouts", "train_policy/mlp", "evaluate_policy/mlp"])
def test_who_has_no_attention_does_not_depend_on_it(described, stage):
    assert not any_begins(
        described[stage]["modules"], ("understudy.nn.attention", "understudy.nn.cache", "understudy.nn.trunk")
    )


@pytest.mark.parametrize("family", sorted({"mlp", "action_transformer", "hierarchical"} & set(family_names())))
def test_parts_of_the_generalist_are_its_own(described, family):
    assert not any_begins(described[f"train_policy/{family}"]["modules"], "understudy.nn.task_")


@pytest.mark.parametrize("prefix", ALONE)
def test_no_stage_has_in_its_closure_what_another_kind_alone_needs(described, prefix):
    holders = {name.partition("/")[0] for name, each in described.items() if any_begins(each["modules"], prefix)}
    assert holders == ALONE[prefix]


@pytest.mark.parametrize("family", family_names())
def test_a_family_is_in_the_closure_of_its_own_policies_alone(described, family):
    holders = {name for name, each in described.items() if f"understudy.models.{family}" in each["modules"]}
    assert {name for name in holders if "/" in name} == {f"{stage}/{family}" for stage in OF_A_POLICY}
    assert holders - OF_ALL_POLICIES == {name for name in holders if "/" in name}  # these play and ask every policy


def any_begins(names, prefix):
    return any(name.startswith(prefix) for name in names)
