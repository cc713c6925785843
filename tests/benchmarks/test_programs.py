"""The benchmarks without peers, at the smallest sizes: they run, and measure what they say."""

import json
import shutil
from pkgutil import resolve_name

import numpy as np
import pytest
import torch

from benchmarks import attention, generalist, linear_attention, memory, model_flops, prioritized, scale, startup
from benchmarks.ours import decoder_cost, decoder_playing, decoder_training, floors, ppo_returns, returns
from tests.builders import CHOICES, in_random_states, random_episodes, written_recording
from tests.forked import printed_in_fork
from tests.toys import ROOT, tiny_policy
from understudy.errors import DataError
from understudy.policies.actor import PolicyActor
from understudy.sequences.dataset import SequenceDataset

SIZES = {"layers": 1, "width": 16, "heads": 2, "context": 8, "batch": 4, "steps": 1, "threads": 1}
TINY = [f"--{name}={value}" for name, value in SIZES.items()] + ["--precision=float32", "--device=cpu"]


def test_both_kernels_of_attention_give_the_same():
    torch.manual_seed(0)
    length = attention.STEPS * attention.TOKENS
    query, key = torch.randn(2, length, attention.HEADS, attention.WIDTH), torch.randn(2, 1, length, attention.WIDTH)
    torch.testing.assert_close(attention.ours(query, key, key), attention.fused(query, key, key))


NOT_MEASURED = "not measured: this processor does not multiply bfloat16 natively"


@pytest.fixture(autouse=True)
def number_of_threads_is_restored():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=[True, False], ids=["bfloat16", "float32 alone"])
def has_bfloat16(request, monkeypatch):
    """Whether torch says of this processor that it multiplies bfloat16."""
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: request.param)
    return request.param


def test_every_format_of_attention_is_measured_where_the_processor_has_it(has_bfloat16, monkeypatch, capsys):
    for name, value in {"ROWS": 1, "ROUNDS": 2, "WARM_UP": 1, "THREADS": 1}.items():
        monkeypatch.setattr(attention, name, value)
    attention.main()
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [line[0] for line in lines] == [f"| {name}" for name in attention.FORMATS]
    measured = lines if has_bfloat16 else lines[:1]
    assert all(float(line[1]) > 0 for line in measured)
    assert [line[1] for line in lines[len(measured) :]] == [NOT_MEASURED] * (0 if has_bfloat16 else 2)


def test_draws_are_timed_with_one_sum_and_with_a_tree(monkeypatch, capsys):
    monkeypatch.setattr(prioritized, "DRAWS", 3)
    monkeypatch.setattr(prioritized, "CHUNKS", (100, 20_000))
    prioritized.main()
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [chunks for chunks, _, _ in lines] == ["100", "20,000"]
    assert all(float(cost) > 0 for _, *costs in lines for cost in costs)


def test_a_generalist_of_each_kind_of_token_is_set_beside_the_decoder():
    pytest.importorskip("minigrid", reason="minigrid, of the extra tasks, is not installed")
    found = generalist.measure(generalist.Sizes((4, 3), rows=4, steps=1, rounds=2))
    assert list(found) == ["training", "playing"]
    assert all(list(rates) == ["decoder", "coarse", "fine", "coarse, with grids"] for rates in found.values())
    assert all(len(own) == 1 and own[0] > 0 for rates in found.values() for own in rates.values())
    models = {name: subject.model for name, subject in generalist.subjects().items()}
    assert [models[name].tokens_per_step for name in ("coarse", "fine", "coarse, with grids")] == [2, 10, 3]
    rates = {"training": {"decoder": [100.0, 200.0], "coarse": [50.0, 100.0]}}
    assert generalist.table(rates).splitlines()[-1] == "| training | coarse | 75 | 0.50 [0.50, 0.50] |"


SMALL = linear_attention.Sizes((8, 16), batch_tokens=32, rows=2, steps=2, rounds=2)


def test_every_kind_of_attention_is_measured_at_every_context_and_a_ring_alone_grows(tmp_path):
    points = [point for context in SMALL.contexts for point in linear_attention.measure(context, SMALL)]
    assert [(point.kind, point.context) for point in points] == [
        (kind, context) for context in SMALL.contexts for kind in ("softmax", "performer", "elu")
    ]
    assert all(getattr(point, name) > 0 for point in points for name in linear_attention.MEASURES)
    # In KiB of float32, of three layers: keys and values in the slots of four steps and eight, or sums for each feature.
    numbers = [6 * 32 * 10, 3 * 64 * 33, 3 * 32 * 33, 6 * 32 * 18, 3 * 64 * 33, 3 * 32 * 33]
    assert [point.memory for point in points] == [number / 256 for number in numbers]
    linear_attention.write(points, tmp_path)
    assert json.loads((tmp_path / "results/linear_attention.json").read_text())[1]["kind"] == "performer"
    lines = (tmp_path / "results/linear_attention.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| 8", "| 16"]
    assert (tmp_path / "figures/linear_attention.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ([2.0, 1.5, 1.0], None),
        ([0.5, 0.4, 0.3], 10),
        ([4.0, 2.0, 0.5], 200),  # half-way between 100 and 400 in logarithms
        ([0.5, 1.0, 0.5], 100),  # not from where it costs less for once
    ],
)
def test_a_crossing_lies_where_a_kind_begins_to_cost_less_for_good(ratios, expected):
    points = [
        linear_attention.Point(kind, context, cost, cost, 1.0)
        for context, ratio in zip((10, 100, 400), ratios, strict=True)
        for kind, cost in (("softmax", 3.0), ("elu", 3.0 * ratio))
    ]
    found = linear_attention.crossing(points, "elu", "training")
    assert found == (None if expected is None else pytest.approx(expected))


def test_the_machine_is_measured_in_the_formats_that_it_has(has_bfloat16, monkeypatch, capsys):
    for name, value in {"SIZE": 64, "COPIED_BYTES": 2**20, "two_environments_rate": lambda limit: limit}.items():
        monkeypatch.setattr(floors, name, value)
    monkeypatch.setattr("sys.argv", ["floors", "--seconds=0.05"])
    floors.main()
    rates = json.loads(capsys.readouterr().out)
    names = ["environment", "environments_2"]
    for threads in (1, 2):
        names += [f"bytes_{threads}", f"float32_{threads}", *[f"bfloat16_{threads}"] * has_bfloat16]
    assert list(rates) == names
    assert all(rate > 0 for rate in rates.values())


def test_two_processes_step_an_environment_each_at_the_same_time():
    assert floors.two_environments_rate(0.05) > 0


def test_a_call_is_timed_for_as_long_as_was_asked_but_three_times_at_least(monkeypatch):
    clock = iter(range(0, 1000, 1))  # a call takes one second
    monkeypatch.setattr(floors.time, "perf_counter", lambda: next(clock))
    calls = []
    assert floors.seconds(lambda: calls.append(0), 5.0) == 1
    assert len(calls) == 1 + 5
    calls.clear()
    floors.seconds(lambda: calls.append(0), 0.0)
    assert len(calls) == 1 + 3


@pytest.mark.parametrize("program", sorted(path.stem for path in (ROOT / "benchmarks/ours").glob("*.py")))
def test_every_program_of_ours_says_what_it_wants(program, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [program, "--help"])
    with pytest.raises(SystemExit, match=r"^0$"):
        resolve_name(f"benchmarks.ours.{program}:main")()
    assert "--help" in capsys.readouterr().out


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("family", "tokens"), [("action_transformer", 2), ("decision_transformer", 3)])
def test_a_step_reads_the_keys_and_values_of_the_context(family, tokens, precision):
    policy = tiny_policy(family, CHOICES)
    work = decoder_playing.work_per_step(PolicyActor(policy), 3, precision)
    numbers = 2 * 2 * tokens * 4 * 8  # keys and values, layers, tokens a step, steps, width
    assert work["bytes_per_step"] == {"float32": 4, "bfloat16": 2}[precision] * numbers
    assert work["flops_per_step"] > 0


def test_a_context_changes_no_weight(monkeypatch):
    monkeypatch.setattr(decoder_cost, "PRECISION", "float32")
    policy = tiny_policy("action_transformer", CHOICES)
    shorter = decoder_cost.with_context(policy, 2)
    assert (policy.model.trunk.context, shorter.model.trunk.context) == (4, 2)
    for name, weights in policy.model.state_dict().items():
        assert torch.equal(shorter.model.state_dict()[name], weights)
    times = decoder_cost.microseconds(shorter, 3, 5)
    assert len(times) == 5
    assert min(times) > 0


def test_a_watched_dataset_counts_what_its_batches_hold():
    sequences = in_random_states(CHOICES, np.zeros(12, dtype=np.int64), [5, 7])
    watched = decoder_training.WatchedDataset(SequenceDataset(sequences, 8, 2, frozenset({"observation", "label"})))
    batches = list(watched.shuffled(0, 0))
    assert watched.counted == 12
    rows = sum(len(batch.mask) for batch in batches)
    assert watched.batch_bytes == rows * (8 * (3 * 4 + 8 + 1 + 1) + 8)  # state, label, both masks; length
    assert watched.seconds > 0


def test_a_snapshot_acts_by_its_own_weights():
    torch.manual_seed(0)
    layers = {"mlp_extractor.policy_net.0": (16, 3), "mlp_extractor.policy_net.2": (16, 16), "action_net": (3, 16)}
    weights = {f"{name}.weight": torch.randn(shape) for name, shape in layers.items()}
    weights |= {f"{name}.bias": torch.randn(shape[0]) for name, shape in layers.items()}
    config = {"hidden_sizes": [16, 16], "activation": "tanh", "squash": False}
    actor = ppo_returns.as_actor(weights, config, CHOICES)
    observations = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    actor.start(50)
    actor.reset(np.arange(50), np.arange(50))
    decision = actor.act(decoder_playing.first_step(actor.policy.task, observations))
    expected = torch.from_numpy(observations)
    for name in layers:
        expected = expected @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        expected = expected if name == "action_net" else expected.tanh()
    assert decision.actions.tolist() == expected.argmax(-1).tolist()


def test_returns_are_those_of_the_first_episodes_and_of_the_seeds_that_were_asked_for(tmp_path):
    episodes = random_episodes(CHOICES, [3, 2, 4])
    folder = written_recording(tmp_path / "evaluation", CHOICES, episodes)
    seeds = [episode.seed for episode in episodes]
    assert returns.returns(folder, seeds[:2]) == [episode.total_return for episode in episodes[:2]]
    with pytest.raises(DataError, match=r"evaluation: expected episodes of seeds from 9 to 10, got others$"):
        returns.returns(folder, [9, 10])


@pytest.mark.parametrize("peak", [[], ["--peak-tflops=1"]])
def test_utilisation_is_of_the_peak(peak, monkeypatch, capsys):
    monkeypatch.setitem(model_flops.PRODUCT_WIDTH, "cpu", 64)
    monkeypatch.setattr("sys.argv", ["model_flops", *TINY, *peak])
    model_flops.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("peak 1.00 TFLOP/s (given)" if peak else "(measured)")
    cells = lines[-1].strip("| ").split(" | ")
    assert cells[0] == "as it is"
    assert float(cells[2]) > 0
    if peak:
        assert float(cells[5].rstrip("%")) == pytest.approx(100 * float(cells[4]), abs=0.1)


@pytest.mark.parametrize("kind", ["bands", "bands, checkpointing", "one band"])
def test_a_step_of_long_rows_is_measured(kind):
    measured = json.loads(printed_in_fork(lambda: print(json.dumps(memory.measure(kind, 256)))))
    assert measured["memory"] > 1
    assert measured["time"] > 0


def test_a_small_recording_goes_all_the_way(tmp_path, monkeypatch):
    few = {("training", "steps"): 2, ("training", "evaluate_every"): 2, ("sequences", "demonstrations"): 5}
    monkeypatch.setattr(scale, "CHANGES", scale.CHANGES | few)
    row = scale.measure(tmp_path, 6_000, tmp_path)
    assert row["steps"] == 6_000
    assert {name for name, value in row.items() if not value > 0} == set()


@pytest.mark.parametrize("stage", startup.FIRST_WORK)
def test_what_a_stage_begins_with_is_there(stage):
    owner, name = startup.FIRST_WORK[stage]
    assert callable(getattr(resolve_name(owner), name))


# The launcher, what other projects run, what nothing waits for.
NOT_TIMED = {
    "run",
    "import_demonstrations",
    "import_logs",
    "report",
    "compare_logs",
    "compare_pruned",
    "compare_words",
    "embed_texts",
    "evaluate_log",
    "evaluate_log_baselines",
    "evaluate_log_retrieval",
    "evaluate_pruned",
    "evaluate_task",
    "join_tasks",
    "evaluate_word_players",
    "evaluate_words",
    "improve_policy",
    "pack_log_policy",
    "prune_policy",
    "pack_reply_policy",
    "record_logs",
    "record_words",
    "report_logs",
    "report_words",
    "search_policy",
    "time_pruned",
}


def test_every_stage_is_started():
    programs = sorted({stage.split()[0] for stage in startup.FIRST_WORK})
    assert programs == sorted(path.stem for path in (ROOT / "pipeline").glob("*.py") if path.stem not in NOT_TIMED)


def test_a_stage_is_timed_to_its_first_work_and_no_further(tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    assert 0 < startup.seconds("train_expert", tmp_path) < 60
    assert not (tmp_path / "models").exists()
    with pytest.raises(
        SystemExit, match=r"^compare: expected to come to its first work, got: .*data/evaluation/expert"
    ):
        startup.seconds("compare", tmp_path)
