"""Smaller policies out of trained ones: weights set to zero, units, heads and layers left out, matrices of eight bits."""
