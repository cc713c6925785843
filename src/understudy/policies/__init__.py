"""Trained policies: building, files, acting in the interaction loop, and stable-baselines3's `predict`."""
