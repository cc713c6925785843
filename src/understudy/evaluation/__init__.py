"""Scores and intervals from recordings."""
