#!/usr/bin/env python3
"""INPUT... OUTPUT: the names of the inputs in the order in which they came."""
import os
import sys

with open(sys.argv[-1], "w") as out:
    out.writelines(os.path.basename(name) + "\n" for name in sys.argv[1:-1])
