"""Databases of dbprocessing: read, never written."""
