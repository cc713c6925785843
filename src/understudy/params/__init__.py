"""params.yaml as frozen, validated sections, a module each, so that a stage depends on its own sections alone."""
