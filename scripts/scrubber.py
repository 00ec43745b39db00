#!/usr/bin/env python3
"""``scrubber.py``: hands over to dbproc.cli.dbprocessing."""

from dbproc.entry import enter

if __name__ == "__main__":
    enter("scrubber.py")
