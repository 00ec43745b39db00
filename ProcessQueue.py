#!/usr/bin/env python3
"""The cron entry: takes the lock, ingests what came in, builds what is due, and exits."""

from dbproc.entry import enter

if __name__ == "__main__":
    enter("ProcessQueue.py")
