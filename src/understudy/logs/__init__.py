"""Logs of LLM agents: transcripts of many formats become the project's own Parquet."""
