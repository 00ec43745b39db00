"""From slots to files: decisions, jobs, outputs, recovery."""
