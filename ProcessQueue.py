#!/usr/bin/env python3
"""The cron entry: takes the lock, ingests what came in, builds what is due, and exits."""

import sys

from dbproc.cli.processqueue import main

if __name__ == "__main__":
    sys.exit(main())
