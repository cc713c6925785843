"""Demonstrations that exist already: reading them, and handing recordings to other libraries."""
