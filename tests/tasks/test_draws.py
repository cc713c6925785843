"""Draws among what is allowed."""

import numpy as np

from understudy.tasks.draws import pick
from understudy.utils.draws import uniform


def test_every_allowed_entry_is_picked_as_often():
    allowed = np.repeat([[True, False, True, True, False]], 30_000, axis=0)
    counts = np.bincount(pick(uniform(np.arange(30_000), 5), allowed), minlength=5)
    assert counts[[1, 4]].tolist() == [0, 0]
    assert counts[[0, 2, 3]].min() > 9_700


def test_the_ends_of_the_draw_are_the_ends_of_the_row():
    allowed = np.asarray([[False, True, True], [False, True, True], [False, False, False]])
    assert pick(np.asarray([0.0, np.nextafter(1, 0), 0.5]), allowed).tolist() == [1, 2, 0]
