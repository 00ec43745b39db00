#!/usr/bin/env python3
"""--date=D --label LABEL... ROOTDIR CODEDIR dayD INPUT... OUTPUT: writes down how it was called, then the numbers."""
import os
import sys

arguments, output = sys.argv[1:-1], sys.argv[-1]
inputs = [a for a in arguments if a.endswith(".txt")]
words = []
for argument in arguments:
    if argument == os.path.dirname(os.path.abspath(__file__)):
        argument = "CODEDIR"
    elif os.path.isdir(os.path.join(argument, "inspectors")):
        argument = "ROOTDIR"
    elif argument in inputs:
        continue
    words.append(repr(argument))
position = [arguments.index(i) for i in inputs]
assert position == list(range(len(arguments) - len(inputs), len(arguments))), "inputs come last: %r" % arguments
with open(output, "w") as out:
    out.write("called with " + " ".join(words) + "\n")
    for name in sorted(inputs):
        with open(name) as stream:
            out.write(os.path.basename(name) + ":" + " ".join(stream.read().split("\n")[1:]) + "\n")
