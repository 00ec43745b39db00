#!/usr/bin/env python3
"""Picture of one orbit, a line for each frame. Usage: look.py ORBIT FRAME... FLAT OUTPUT."""

import sys
from pathlib import Path

_, *frames, flat, output = map(Path, sys.argv[1:])
factors = [float(factor) for factor in flat.read_text().split()]
lines = []
for frame in frames:
    pixels = frame.read_text().split()[4:]  # behind the magic number, width, height and white
    lines.append(" ".join(f"{int(pixel) * factor:.0f}" for pixel, factor in zip(pixels, factors, strict=True)))
output.write_text("\n".join(["P2", f"{len(factors)} {len(lines)}", "255", *lines, ""]))
