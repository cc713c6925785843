"""Nested state survives the way through tensors and JSON."""

import json

import numpy as np
import torch

from understudy.demonstrators.expert_checkpoint import pack, unpack


def test_nested_state_comes_back():
    state = {
        "optimizer": {0: {"step": torch.tensor(3.0)}, 7: {"betas": (0.9, 0.999)}},
        "position": [np.array([True, False]), np.arange(3.0), None, 2**100],
        "count": np.int64(4),
    }
    tensors = {}
    tree = json.loads(json.dumps(pack(state, tensors)))
    found = unpack(tree, tensors)
    assert found["optimizer"][0]["step"] == 3.0
    assert found["optimizer"][7]["betas"] == [0.9, 0.999]
    np.testing.assert_array_equal(found["position"][0], [True, False])
    assert found["position"][1].dtype == np.float64
    assert found["position"][2:] == [None, 2**100]
    assert found["count"] == 4


def test_what_was_packed_does_not_change_with_its_source():
    weights, tensors = torch.ones(2), {}
    pack({"weights": weights}, tensors)
    weights += 1
    assert tensors["0"].tolist() == [1.0, 1.0]
