#!/bin/sh
# MARKS DATE INPUT...: no output file follows (timebase RUN).
set -e
marks=$1 date=$2
shift 2
mkdir -p "$marks"
for name; do
    basename "$name"
done > "$marks/$date.txt"
