"""Benchmarks of dbproc, started by ``bench/run.py``; never run as tests."""
