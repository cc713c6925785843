"""The public names, by the modules that they come from; `understudy` imports them when they are asked for."""

PUBLIC = {
    "Episode": "understudy.episode",
    "load_policy": "understudy.policies.predict",
    "make_episode": "understudy.sources.episodes",
    "read_environment": "understudy.sources.recording",
    "read_recording": "understudy.rollouts.parquet",
    "write_recording": "understudy.sources.recording",
}
