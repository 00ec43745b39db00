#!/usr/bin/env python3
"""INPUT... OUTPUT: a copy of all inputs by name (their order on the command line is not defined)."""
import os
import sys

with open(sys.argv[-1], "w") as out:
    for name in sorted(sys.argv[1:-1], key=os.path.basename):
        with open(name) as stream:
            out.write(os.path.basename(name) + "\n" + stream.read())
