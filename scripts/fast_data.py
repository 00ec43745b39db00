#!/usr/bin/env python3
"""``fast_data.py``: hands over to dbproc.cli.dbprocessing."""

from dbproc.entry import enter

if __name__ == "__main__":
    enter("fast_data.py")
