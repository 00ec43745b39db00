"""dbproc: a cron-driven, database-driven process controller for scientific data."""

__version__ = "0.1.0"
