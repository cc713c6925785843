"""Losses: pure, masked, one masked mean for all."""
