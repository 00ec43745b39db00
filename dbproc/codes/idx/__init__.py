"""Datasets of OpenVisus: what they are, how they lie on disk, how they are written, packed, checked and read."""
