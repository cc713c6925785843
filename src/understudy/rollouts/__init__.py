"""Recorded episodes as Parquet: the schema, writing, reading with checks, recording in parallel."""
