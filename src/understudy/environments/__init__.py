"""Environments by Gymnasium id, what a policy may observe of them, and the one interaction loop."""
