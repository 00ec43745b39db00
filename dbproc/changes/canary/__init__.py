"""Trying a code out: a sample is built beside the published files, compared with them, then promoted or discarded."""
