"""Judging those who play in text: the games of each, and all of them in one table."""
