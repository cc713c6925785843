"""Going on online: a policy that has learned from recordings, or from nothing yet, acts, and learns from what came of it."""
