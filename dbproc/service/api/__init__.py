"""``/api/v1``: what commands print with ``--json``, by the same calls."""
