"""Readers of logs, one format a file: each has `matches(content)` and `read(content)`."""
