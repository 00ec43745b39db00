#!/usr/bin/env python3
"""``updateSHAsum.py``: hands over to dbproc.cli.dbprocessing."""

from dbproc.entry import enter

if __name__ == "__main__":
    enter("updateSHAsum.py")
