"""What inspectors written for dbprocessing 0.1 import: its names and behaviour, without its database.

Own work, compatible in behaviour; it needs nothing but the standard library, and nothing of dbproc.
"""

__version__ = "0.1.0"
