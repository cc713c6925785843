"""Texts as vectors: embedders that are saved without pickling, and the vectors of all texts of imported logs."""
