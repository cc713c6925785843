"""Chunks of episodes.

The states count: component 0 is the step's number in the store, component 1 the step's number in its episode. So every
row of a batch says by itself which steps it holds, and is compared with naive slices of the store.
"""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CHOICES, SEVERAL_CHOICES, SPECS, by_hand, examples, random_actions, refused
from understudy.interface import Interface, Task
from understudy.options.labels import labelled
from understudy.scales import Scales
from understudy.sequences import dataset as module
from understudy.sequences.batch import concatenate
from understudy.sequences.dataset import Chunks, SequenceDataset, gather
from understudy.sequences.split_file import MappedSplit
from understudy.sequences.store import Sequences

LENGTHS = [9, 1, 4, 30, 2]
OBSERVATION = frozenset({"observation"})


def counting(spec, lengths, truncated=(), **others) -> Sequences:
    """Sequences whose states count and whose actions, labels and returns are drawn apart."""
    generator = np.random.default_rng(len(lengths))
    total = sum(lengths)
    in_episode = np.concatenate([np.arange(length) for length in lengths])
    return by_hand(
        spec,
        np.stack([np.arange(total), in_episode, np.full(total, 5)], axis=1),
        random_actions(spec, generator, total),
        lengths,
        truncated=truncated,
        actions=random_actions(spec, generator, total),
        rewards=generator.normal(size=total),
        returns_to_go=generator.normal(size=total),
        finals=generator.normal(size=(len(lengths), 3)),
        **others,
    )


def with_options(sequences: Sequences) -> Sequences:
    numbers = np.arange(sequences.num_steps)
    return labelled(sequences, numbers.astype(np.int16), numbers % 3 == 0, sequences.num_steps)


def chunked(
    sequences: Sequences, chunk_length: int, batch_size: int, burn_in: int = 1, columns=OBSERVATION, look_ahead: int = 0
):
    """The dataset of these sequences."""
    return SequenceDataset(sequences, chunk_length, batch_size, frozenset(columns), burn_in, look_ahead)


def rows_of(batches) -> list[tuple]:
    """Each row as (first step in the store, real steps, first step that counts)."""
    found = []
    for batch in batches:
        for states, length, mask in zip(batch["observation"], batch.seq_lens, batch.mask, strict=True):
            found.append((int(states[0, 0]), int(length), int(torch.nonzero(mask)[0])))
    return found


def times_counted(batches, total: int) -> list[int]:
    counted = [batch["observation"][..., 0][batch.mask].long() for batch in batches]
    return torch.bincount(torch.cat(counted), minlength=total).tolist()


EPISODES = st.lists(st.integers(1, 25), min_size=1, max_size=8)


@st.composite
def shapes(draw) -> dict[str, int]:
    """Of chunks, in which at least a step counts."""
    chunk = draw(st.integers(2, 30))
    burn_in = draw(st.integers(1, min(8, chunk - 1)))
    look_ahead = draw(st.integers(0, min(8, chunk - burn_in - 1)))
    return {"chunk_length": chunk, "batch_size": 4, "burn_in": burn_in, "look_ahead": look_ahead}


@examples(150)
@given(lengths=EPISODES, shape=shapes(), seed=st.integers(0, 2**31 - 1))
def test_in_each_epoch_every_step_counts_once(lengths, shape, seed):
    dataset = chunked(counting(CHOICES, lengths), **shape)
    once = [1] * sum(lengths)
    assert times_counted(dataset.shuffled(seed, epoch=3), sum(lengths)) == once
    assert times_counted(dataset.in_order(), sum(lengths)) == once


@examples(100)
@given(lengths=EPISODES, shape=shapes(), seed=st.integers(0, 2**31 - 1))
def test_a_row_stays_in_its_episode_and_sees_what_is_before_and_after(lengths, shape, seed):
    dataset = chunked(counting(CHOICES, lengths), **shape)
    starts, batch = np.cumsum([0, *lengths]), concatenate(list(dataset.shuffled(seed, epoch=0)))
    for (first, length, counts_from), mask in zip(rows_of([batch]), batch.mask, strict=True):
        episode = int(np.searchsorted(starts, first, side="right")) - 1
        assert 1 <= length <= shape["chunk_length"]
        assert first + length <= starts[episode + 1]
        # The steps before the first that counts and after the last that does, or as many of them as the episode has.
        assert counts_from == min(shape["burn_in"], first + counts_from - starts[episode])
        last = int(torch.nonzero(mask)[-1])
        assert length - 1 - last == min(shape["look_ahead"], starts[episode + 1] - 1 - first - last)


def scaled(spec, actions: np.ndarray) -> np.ndarray:
    """Vectors from -1 at the lower to 1 at the upper bound; choices as they are."""
    if spec.discrete_actions:
        return actions
    low, high = np.float32(spec.action_low), np.float32(spec.action_high)
    return 2 * (actions - low) / (high - low) - 1


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("burn_in", [1, 3])
def test_rows_are_slices_of_the_store(spec, burn_in):
    store = with_options(counting(spec, LENGTHS))
    columns = {"observation", "action", "label", "reward", "return_to_go", "option", "termination"}
    expected = {
        "observation": store.states,
        "action": scaled(spec, store.actions),
        "label": scaled(spec, store.labels),
        "reward": store.rewards,
        "return_to_go": store.returns_to_go,
        "option": np.arange(sum(LENGTHS)),
        "termination": np.arange(sum(LENGTHS)) % 3 == 0,
    }
    for batch in chunked(store, 7, 4, burn_in, columns).shuffled(seed=1, epoch=2):
        assert batch.columns.keys() == columns
        for row, length in enumerate(batch.seq_lens.tolist()):
            first = int(batch["observation"][row, 0, 0])
            for name, values in expected.items():
                steps = values[first : first + length]
                np.testing.assert_allclose(batch[name][row, :length], steps, atol=1e-6, err_msg=name)
                assert (batch[name][row, length:] == batch[name][row, length - 1]).all(), name  # padding


@pytest.mark.parametrize("spec", SPECS)
def test_shapes_and_types_of_a_batch(spec):
    store = with_options(counting(spec, LENGTHS))
    batch = next(chunked(store, 7, 4, columns=store.columns).shuffled(seed=1, epoch=0))
    actions = ((4, 7), torch.int64) if spec.discrete_actions else ((4, 7, 2), torch.float32)
    assert {name: (tuple(values.shape), values.dtype) for name, values in batch.columns.items()} == {
        "observation": ((4, 7, 3), torch.float32),
        "action": actions,
        "label": actions,
        "reward": ((4, 7), torch.float32),
        "return_to_go": ((4, 7), torch.float32),
        "terminated": ((4, 7), torch.bool),
        "truncated": ((4, 7), torch.bool),
        "final_observation": ((4, 3), torch.float32),
        "agent": ((4,), torch.int64),
        "task": ((4,), torch.int64),
        "prompt_observation": ((4, 7, 3), torch.float32),
        "prompt_action": actions,
        "prompt_length": ((4,), torch.int64),
        "first_step": ((4,), torch.int64),
        "option": ((4, 7), torch.int64),
        "termination": ((4, 7), torch.bool),
    }
    assert (batch.seq_lens.shape, batch.seq_lens.dtype) == ((4,), torch.int64)
    assert (batch.mask.shape, batch.mask.dtype, batch.value_mask.dtype) == ((4, 7), torch.bool, torch.bool)


def test_an_end_is_at_the_last_step_of_an_episode_by_what_ended_it():
    """The second of three episodes ends by the clock, the others by the environment; each has one end, in its last chunk."""
    store = counting(CHOICES, [5, 4, 1], truncated=[1])
    [batch] = chunked(store, 4, 10, columns=["observation", "terminated", "truncated"]).in_order()
    assert [int(states[0, 1]) for states in batch["observation"]] == [0, 2, 0, 2, 0]
    real = torch.arange(4) < batch.seq_lens[:, None]  # what stands in the padding means nothing
    terminated, truncated = (
        ["".join(str(int(step)) for step in row) for row in batch[name] & real] for name in ("terminated", "truncated")
    )
    assert terminated == ["0000", "0010", "0000", "0000", "1000"]
    assert truncated == ["0000", "0000", "0000", "0100", "0000"]


def test_every_row_knows_what_came_after_its_episode_s_last_step():
    store = counting(CHOICES, LENGTHS)
    finals, ends = store.steps.episodes["final_observation"], np.cumsum(LENGTHS)
    for batch in chunked(store, 5, 3, columns=["observation", "final_observation"]).shuffled(0, 0):
        episodes = np.searchsorted(ends, batch["observation"][:, 0, 0].numpy(), side="right")
        np.testing.assert_array_equal(batch["final_observation"], finals[episodes])


def test_a_row_says_whose_it_is():
    """Three agents in each of two episodes."""
    store = counting(SEVERAL_CHOICES, np.repeat([6, 3], 3))
    for batch in chunked(store, 4, 2, columns=["agent"]).shuffled(0, 0):
        assert batch["agent"].tolist() == [0, 1, 2] * (len(batch.mask) // 3)


@pytest.mark.parametrize(
    ("columns", "read"),
    [
        ({"label"}, ["label"]),
        ({"return_to_go", "observation"}, ["observation", "return_to_go"]),
        ({"terminated", "final_observation", "agent", "option"}, []),
    ],
)
def test_only_the_columns_that_are_asked_for_are_read(monkeypatch, columns, read):
    names, original = [], MappedSplit.read
    monkeypatch.setattr(
        MappedSplit, "read", lambda split, name, *rest: names.append(name) or original(split, name, *rest)
    )
    [batch] = chunked(with_options(counting(CHOICES, [3, 2])), 4, 9, columns=columns).in_order()
    assert batch.columns.keys() == columns
    assert names == read


def test_a_column_that_the_batch_does_not_have_is_refused():
    [batch] = chunked(counting(CHOICES, [3]), 4, 9).in_order()
    with refused(ValueError, "batch: expected a column 'label', got observation"):
        batch["label"]


@pytest.mark.parametrize("name", ["option", "termination", "state"])
def test_a_column_that_the_sequences_do_not_have_is_refused(name):
    with refused(ValueError, "columns: expected some of action, agent, final_observation", f"got {name!r}"):
        chunked(counting(CHOICES, [3]), 4, 9, columns=["observation", name])


def test_chunks_are_picked_with_all_that_is_known_of_them():
    chunks = Chunks(
        first=np.array([0, 5, 9]),
        length=np.array([4, 3, 2]),
        burn_in=np.array([0, 1, 1]),
        look_ahead=np.array([2, 1, 0]),
        sequence=np.array([0, 0, 1]),
        further=np.array([1, 3, 2]),
    )
    picked = chunks.picked(np.array([2, 0]))
    assert {name: numbers.tolist() for name, numbers in vars(picked).items()} == {
        "first": [9, 0],
        "length": [2, 4],
        "burn_in": [1, 0],
        "look_ahead": [0, 2],
        "sequence": [1, 0],
        "further": [2, 1],
    }


def test_in_order_the_chunks_follow_one_another():
    dataset = chunked(counting(CHOICES, [5, 1, 4]), chunk_length=4, batch_size=10)
    # Strides of three steps; each chunk but an episode's first begins one step early and does not count it.
    assert rows_of(dataset.in_order()) == [(0, 3, 0), (2, 3, 1), (5, 1, 0), (6, 3, 0), (8, 2, 1)]


def test_in_order_with_a_look_ahead():
    dataset = chunked(counting(CHOICES, [7]), chunk_length=5, batch_size=10, look_ahead=2)
    assert rows_of(dataset.in_order()) == [(0, 4, 0), (1, 5, 1), (3, 4, 1), (5, 2, 1)]
    masks = ["".join(str(int(step)) for step in row) for row in next(dataset.in_order()).mask]
    assert masks == ["11000", "01100", "01100", "01000"]


def test_in_order_with_a_longer_burn_in():
    dataset = chunked(counting(CHOICES, [7]), chunk_length=5, batch_size=10, burn_in=3)
    assert rows_of(dataset.in_order()) == [(0, 2, 0), (0, 4, 2), (1, 5, 3), (3, 4, 3)]


def test_padding_is_masked():
    batch = next(chunked(counting(CHOICES, [5, 1, 4]), chunk_length=4, batch_size=10).in_order())
    expected = ["1110", "0110", "1000", "1110", "0100"]
    assert ["".join(str(int(step)) for step in row) for row in batch.mask] == expected
    assert batch.seq_lens.tolist() == [3, 3, 1, 3, 2]


def test_a_chunk_longer_than_every_episode_holds_it_whole():
    dataset = chunked(counting(CHOICES, [3, 1, 5]), chunk_length=64, batch_size=10)
    assert rows_of(dataset.in_order()) == [(0, 3, 0), (3, 1, 0), (4, 5, 0)]
    assert times_counted(dataset.shuffled(seed=0, epoch=0), 9) == [1] * 9


def test_values_of_truncated_episodes_are_not_known():
    dataset = chunked(counting(CHOICES, [5, 1, 4], truncated=[1, 2]), chunk_length=4, batch_size=10)
    batch = next(dataset.in_order())
    expected = ["1110", "0110", "0000", "0000", "0000"]
    assert ["".join(str(int(step)) for step in row) for row in batch.value_mask] == expected
    assert batch.mask.sum() == 10


@pytest.mark.parametrize(("batch_size", "sizes"), [(2, [2, 2, 1]), (5, [5]), (1, [1] * 5), (8, [5])])
def test_the_last_batch_holds_what_is_left(batch_size, sizes):
    dataset = chunked(counting(CHOICES, [5, 1, 4]), chunk_length=4, batch_size=batch_size)
    assert [len(batch["observation"]) for batch in dataset.in_order()] == sizes


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(("steps", "rows_read"), [(39, [6, 6, 2]), (40, [8, 6]), (10**6, [14])])
def test_batches_read_together_are_those_read_alone(monkeypatch, spec, steps, rows_read):
    sizes, store = [], with_options(counting(spec, LENGTHS, truncated=[1]))
    dataset = chunked(store, 5, 2, columns=store.columns)
    monkeypatch.setattr(module, "gather", lambda *parts: sizes.append(len(parts[1].first)) or gather(*parts))
    batches = {}
    for most in (1, steps):
        monkeypatch.setattr(module, "STEPS_READ_AT_ONCE", most)
        batches[most] = list(dataset.in_order())
    assert sizes == [2] * 7 + rows_read
    for alone, together in zip(batches[1], batches[steps], strict=True):
        assert alone.columns.keys() == together.columns.keys() == store.columns
        for name, column in alone.columns.items():
            assert torch.equal(column, together[name]), name
        for name in ("seq_lens", "mask", "value_mask"):
            assert torch.equal(getattr(alone, name), getattr(together, name)), name


def test_order_is_a_function_of_seed_and_epoch():
    dataset = chunked(counting(CHOICES, LENGTHS), chunk_length=5, batch_size=3)
    orders = {(seed, epoch): rows_of(dataset.shuffled(seed, epoch)) for seed in range(3) for epoch in range(3)}
    np.random.seed(7)
    torch.manual_seed(7)
    another = chunked(counting(CHOICES, LENGTHS), chunk_length=5, batch_size=3)
    for (seed, epoch), order in reversed(orders.items()):
        assert rows_of(another.shuffled(seed, epoch)) == order
    assert len(set(map(tuple, orders.values()))) == 9


def test_chunks_come_from_all_over_the_episodes():
    """Of 200 chunks the places in the store and in the order correlate by chance with a deviation of 0.07."""
    rows = rows_of(chunked(counting(CHOICES, [10] * 100), 7, 8).shuffled(0, 0))
    assert len(rows) > 150
    assert abs(np.corrcoef([first for first, _, _ in rows], np.arange(len(rows)))[0, 1]) < 0.25


def test_the_order_leaves_the_global_generators_alone():
    numpy_state, torch_state = np.random.get_state(), torch.random.get_rng_state()
    list(chunked(counting(CHOICES, LENGTHS), chunk_length=5, batch_size=3).shuffled(seed=1, epoch=1))
    np.testing.assert_equal(np.random.get_state(), numpy_state)
    assert torch.equal(torch.random.get_rng_state(), torch_state)


def test_chunks_are_cut_at_other_places_in_each_epoch():
    dataset = chunked(counting(CHOICES, [30]), chunk_length=6, batch_size=100)
    places = {min(first for first, _, counts in rows_of(dataset.shuffled(0, epoch)) if counts) for epoch in range(60)}
    # The first cut is after 1 to 5 steps; the chunk behind it begins a step earlier.
    assert places == {0, 1, 2, 3, 4}


def test_cuts_are_at_other_places_in_each_episode():
    """Where episodes are as long as each other, too: else all of a batch would begin at the same step of its episode."""
    for epoch in range(3):
        rows = rows_of(chunked(counting(CHOICES, [30] * 20), 6, 1000).shuffled(0, epoch))
        cuts = [
            min(first + counts for first, _, counts in rows if counts and first // 30 == each) for each in range(20)
        ]
        assert len({cut % 30 for cut in cuts}) > 2


def test_states_and_returns_are_normalised_and_rewards_are_not():
    scales = Scales((1.0, 2.0, 5.0), (2.0, 0.5, 1.0), ((1.0, 1.0, 1.0),) * 3, (), (), 3.0, 4.0)
    store = counting(CHOICES, [4], interface=Interface((Task(CHOICES, (), scales),)))
    columns = ["observation", "final_observation", "return_to_go", "reward"]
    batch = next(chunked(store, 5, 1, columns=columns).in_order())
    assert batch["observation"][0, :4].tolist() == [[(t - 1) / 2, (t - 2) * 2, 0.0] for t in range(4)]
    final = store.steps.episodes["final_observation"][0]
    np.testing.assert_allclose(batch["final_observation"][0], (final - [1, 2, 5]) / [2, 0.5, 1], rtol=1e-5)
    np.testing.assert_allclose(batch["return_to_go"][0, :4], (store.returns_to_go - 3) / 4, rtol=1e-6)
    np.testing.assert_array_equal(batch["reward"][0, :4], store.rewards)


def test_rows_of_a_batch_are_cut_and_moved_whole():
    """To torch's meta device, on which tensors have shapes and no values."""
    store = with_options(counting(CHOICES, LENGTHS))
    batch = next(chunked(store, 5, 8, columns=store.columns).in_order())
    own, meta = batch.rows(slice(2, 5)), torch.device("meta")
    moved = own.to(meta)
    assert own.columns.keys() == moved.columns.keys() == store.columns
    everything = [(batch[name], own[name], moved[name]) for name in store.columns]
    everything += [
        tuple(getattr(each, name) for each in (batch, own, moved)) for name in ("seq_lens", "mask", "value_mask")
    ]
    for whole, part, there in everything:
        assert torch.equal(part, whole[2:5])
        assert (there.device, there.shape) == (meta, part.shape)


def test_a_look_ahead_that_leaves_nothing_to_count_is_refused():
    with refused(ValueError, "burn_in: expected from 1 to 1 steps", "got 2"):
        chunked(counting(CHOICES, [4]), chunk_length=4, batch_size=1, burn_in=2, look_ahead=2)
    with refused(ValueError, "look_ahead: expected from 0 steps, got -1"):
        chunked(counting(CHOICES, [4]), chunk_length=4, batch_size=1, look_ahead=-1)


@pytest.mark.parametrize("burn_in", [0, 4, 9])
def test_a_burn_in_that_leaves_nothing_to_count_is_refused(burn_in):
    with refused(ValueError, "burn_in: expected from 1 to 3 steps", f"got {burn_in}"):
        chunked(counting(CHOICES, [4]), chunk_length=4, batch_size=1, burn_in=burn_in)


@pytest.mark.parametrize("spec", [CHOICES, SEVERAL_CHOICES], ids=["one", "several"])
def test_some_episodes_alone_make_a_dataset(spec):
    """The steps of episodes 1 and 3, of all their agents, each counted once, and no others."""
    agents = spec.num_agents
    sequences = counting(spec, [length for length in LENGTHS for _ in range(agents)])
    dataset = SequenceDataset(sequences, 8, 2, OBSERVATION, episodes=np.asarray([1, 3]))
    numbers = [agents * episode + agent for episode in (1, 3) for agent in range(agents)]
    chosen = np.concatenate([np.arange(*sequences.offsets[number : number + 2]) for number in numbers])
    expected = np.isin(np.arange(sequences.num_steps), chosen).astype(int).tolist()
    assert times_counted(dataset.in_order(), sequences.num_steps) == expected
    assert times_counted(dataset.shuffled(0, 3), sequences.num_steps) == expected


# Prompts

PROMPTED = {"observation", "prompt_observation", "prompt_action", "prompt_length", "first_step"}


@pytest.mark.parametrize("spec", [*SPECS, SEVERAL_CHOICES])
def test_each_row_comes_with_the_first_steps_of_another_episode_of_its_agent(spec) -> None:
    agents = spec.num_agents
    sequences = counting(spec, np.repeat(LENGTHS, agents).tolist())
    seen = set()
    for epoch in range(4):
        for batch in chunked(sequences, 6, 3, columns=PROMPTED).shuffled(0, epoch):
            for row in range(len(batch.mask)):
                own, prompt = int(batch["observation"][row, 0, 0]), int(batch["prompt_observation"][row, 0, 0])
                of_own, of_prompt = (
                    np.searchsorted(sequences.offsets, each, side="right") - 1 for each in (own, prompt)
                )
                assert of_own % agents == of_prompt % agents and of_own != of_prompt
                assert prompt == sequences.offsets[of_prompt]
                length = min(6, LENGTHS[of_prompt // agents])
                assert batch["prompt_length"][row] == length
                assert batch["prompt_observation"][row, :length, 1].tolist() == list(range(length))
                expected = sequences.actions[prompt : prompt + length]
                expected = sequences.task.normalize_actions(expected)
                np.testing.assert_array_equal(batch["prompt_action"][row, :length], expected)
                assert batch["first_step"][row] == batch["observation"][row, 0, 1]
                seen.add((of_own // agents, of_prompt // agents))
    assert len(seen) > 12  # of 20 pairs


def test_the_only_episode_has_no_other_to_show() -> None:
    for batch in chunked(counting(CHOICES, [9]), 6, 3, columns=PROMPTED).in_order():
        assert not batch["prompt_length"].any()


def test_in_order_it_is_the_next_episode_that_is_shown() -> None:
    sequences = counting(CHOICES, LENGTHS)
    [batch] = chunked(sequences, 40, 9, columns=PROMPTED).in_order()
    assert batch["prompt_observation"][:, 0, 0].tolist() == [9, 10, 14, 44, 0]


def test_what_is_shown_moves_no_chunk() -> None:
    sequences = counting(CHOICES, LENGTHS)
    plain, prompted = (
        rows_of(chunked(sequences, 6, 3, columns=each).shuffled(1, 2)) for each in (OBSERVATION, PROMPTED)
    )
    assert plain == prompted


def test_any_other_episode_may_come_first() -> None:
    """Of four episodes a row's prompt is one, two or three further on."""
    sequences = counting(CHOICES, [2, 2, 2, 2])
    dataset = chunked(sequences, 6, 3, columns=PROMPTED)
    drawn = np.concatenate([dataset.shuffled_chunks(np.random.default_rng(seed)).further for seed in range(40)])
    assert set(drawn.tolist()) == {1, 2, 3}
