"""Which runs are learned from: no test task, no test agent, and no customer of the test where no list tells tasks apart."""

import pyarrow as pa
import pytest

from tests.builders import refused
from understudy.errors import DataError
from understudy.logs.schema import EPISODES
from understudy.logs.selection import labels, select_runs, training_runs
from understudy.params.runs import RunParams
from understudy.params.sequences import SequenceParams

ROWS = [  # task, group, domain, agent
    ("1", "ada", "air", "old"),
    ("2", "ben", "air", "old"),
    ("1", "ada", "air", "new"),
    ("2", "ben", "air", "new"),
    ("9", "ada", None, None),
    ("9", "eva", None, None),
    ("3", "eva", "rail", "old"),
]


def table(rows=ROWS, decisions=1):
    columns = {name: [None] * len(rows) for name in EPISODES.names}
    for place, name in enumerate(("task", "group", "domain", "agent")):
        columns[name] = [row[place] for row in rows]
    columns |= {"episode": list(range(len(rows))), "num_decisions": [decisions] * len(rows)}
    return pa.table({name: pa.array(values, EPISODES.field(name).type) for name, values in columns.items()})


def chosen(**params):
    selection = select_runs(table(), RunParams(**{"domains": None, "test_tasks": {"air": ["1"]}, **params}), seed=0)
    return selection.learning.tolist(), selection.test.tolist()


def test_listed_tasks_played_by_the_agent_are_the_test():
    # 4 is of a domain without a list, and of a customer of the test's.
    assert chosen(test_agents=["new"]) == ([1, 5, 6], [2])


def test_without_agents_everybodys_runs_are_the_test():
    assert chosen(test_agents=[]) == ([1, 3, 5, 6], [0, 2])


def test_only_the_domains_named_count():
    assert chosen(domains=["air"], test_agents=["new"]) == ([1], [2])
    assert chosen(domains=["air", "unknown"], test_agents=["new"]) == ([1, 5], [2])


def test_a_share_draws_groups_whole():
    for seed in range(5):
        selection = select_runs(table(), RunParams(domains=None, test_tasks=0.3, test_agents=[]), seed)
        groups = labels(table(), "group")
        tested, learned = ({groups[run] for run in runs} for runs in (selection.test, selection.learning))
        assert len(tested) == 1 and len(learned) == 2 and not tested & learned


def test_runs_of_one_group_alone_are_no_training_and_test_and_it_says_so():
    rows = [("1", None, "air", "old")] * 12
    says = "data/logs: expected runs of two groups or more, to learn from one and test on another, got 12, all of the group"
    with refused(DataError, says, "'air/1'"):
        select_runs(table(rows), RunParams(domains=None, test_tasks=0.2, test_agents=[]), seed=0)
    mixed = [*rows, ("1", "ben", "rail", "old")]
    with refused(DataError, says, "'air/1'"):
        select_runs(table(mixed), RunParams(domains=["air"], test_tasks=0.2, test_agents=[]), seed=0)


def test_runs_in_which_nothing_is_decided_do_not_count():
    with refused(DataError, "expected runs to learn from among 7"):
        select_runs(table(decisions=0), RunParams(domains=None, test_tasks={"air": ["1"]}, test_agents=[]), 0)


def test_a_task_without_a_run_is_a_sentence():
    with refused(DataError, "runs.test_tasks.air: expected tasks that a run is of, got '7'"):
        chosen(test_tasks={"air": ["1", "7"]}, test_agents=[])


@pytest.mark.parametrize(("agents", "what"), [(["nobody"], "for the test"), (["old", "new"], None)])
def test_nothing_left_is_a_sentence(agents, what):
    if what is None:
        assert chosen(test_agents=agents) == ([5], [0, 2])
        return
    with refused(DataError, f"expected runs {what} among 7"):
        chosen(test_agents=agents)


def test_a_run_without_group_is_grouped_by_its_task_and_one_without_a_task_is_alone():
    rows = [("1", None, "air", None), ("1", None, "air", "x"), ("1", None, "rail", None), (None, None, None, None)]
    assert labels(table(rows), "group") == ["air/1", "air/1", "rail/1", "run 3"]
    assert labels(table(), "task")[:2] == ["air/1", "air/2"]


def test_what_is_fitted_before_sees_the_runs_that_sequences_train_on_alone():
    params = SequenceParams(seed=1, demonstrations=None, validation_fraction=0.4, hide=[], split_by="group")
    selection = select_runs(table(), RunParams(domains=None, test_tasks={"air": ["1"]}, test_agents=["new"]), 0)
    training = training_runs(table(), selection, params)
    groups = labels(table(), "group")
    assert set(training) < set(selection.learning)
    assert {groups[run] for run in training} in ({"ben"}, {"eva"})
