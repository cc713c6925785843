"""Those who act first: stable-baselines3 experts and the random actor."""
