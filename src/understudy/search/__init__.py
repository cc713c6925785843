"""Search for hyperparameters: a sampler proposes, a trial trains and plays, a file remembers."""
