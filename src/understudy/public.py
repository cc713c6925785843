"""The public names, by the modules that they come from; `understudy` imports them when they are asked for."""

PUBLIC = {
    "load_policy": "understudy.policies.predict",
}
