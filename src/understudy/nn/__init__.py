"""The shared transformer parts: attention, its cache, the trunk, the token layout, the heads."""
