"""The training loop, its learning-rate schedule, its checkpoints."""
