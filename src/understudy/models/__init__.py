"""One file a policy family."""
