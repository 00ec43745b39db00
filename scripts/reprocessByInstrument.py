#!/usr/bin/env python3
"""``reprocessByInstrument.py``: hands over to dbproc.cli.legacy."""

import sys

from dbproc.cli.legacy import main

if __name__ == "__main__":
    sys.exit(main("reprocessByInstrument.py"))
