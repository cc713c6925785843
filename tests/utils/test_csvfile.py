"""Tables to the byte."""

import numpy as np
import pytest

from understudy.utils.csvfile import write_csv


def test_the_bytes_of_a_table(tmp_path):
    rows = [("mlp", 3, 0.1234567), ("a,b", -1, 1e-7), ('say "x"', 0, 123456789.0), ("", True, -0.5)]
    write_csv(tmp_path / "x.csv", ["name", "count", "value"], rows)
    expected = 'name,count,value\nmlp,3,0.123457\n"a,b",-1,1e-07\n"say ""x""",0,1.23457e+08\n,True,-0.5\n'
    assert (tmp_path / "x.csv").read_bytes() == expected.encode()


def test_no_rows_leave_the_header(tmp_path):
    write_csv(tmp_path / "x.csv", ["a", "b"], [])
    assert (tmp_path / "x.csv").read_bytes() == b"a,b\n"


def test_numpy_s_double_is_a_float(tmp_path):
    write_csv(tmp_path / "x.csv", ["a"], [[np.float64(1) / 3]])
    assert (tmp_path / "x.csv").read_bytes() == b"a\n0.333333\n"


def test_numpy_s_single_is_a_float(tmp_path):
    write_csv(tmp_path / "x.csv", ["a"], [[np.float32(1) / np.float32(3)]])
    assert (tmp_path / "x.csv").read_bytes() == b"a\n0.333333\n"


def test_rows_that_cannot_be_made_leave_the_old_file(tmp_path):
    path = tmp_path / "x.csv"
    write_csv(path, ["a"], [[1]])

    def rows():
        yield [2]
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write_csv(path, ["a"], rows())
    assert path.read_bytes() == b"a\n1\n"
    assert list(tmp_path.iterdir()) == [path]
