"""Looking ahead with a model of trajectories."""
