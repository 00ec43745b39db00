"""The worker processes in which inspectors run."""
