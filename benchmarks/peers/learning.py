"""What the programs are told in which a peer learns to act for a return: arguments(parser)."""

import argparse
import json
from pathlib import Path


def arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    parser.add_argument("--raw", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--seeds", type=Path, required=True, help="file of those of the episodes to learn from")
    parser.add_argument("--hyperparameters", type=json.loads, required=True, help="of model and training")
    parser.add_argument("--seed", type=int, required=True, help="of the training")
    parser.add_argument("--target-return", type=float, required=True, help="what to act for, raw")
    parser.add_argument("--first-seed", type=int, required=True, help="of the evaluation's episodes")
    parser.add_argument("--episodes", type=int, required=True)
    return parser.parse_args()
