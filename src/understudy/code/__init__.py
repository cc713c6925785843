"""What each stage runs, found by reading the source: its modules with a hash each, and the versions of the libraries they use."""
