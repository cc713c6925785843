"""Policies judged on logs: what they predict of runs that nobody learned from, beside baselines."""
