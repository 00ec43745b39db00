#!/bin/sh
# INPUT... OUTPUT: all inputs, each with its name, in the order of their names.
set -e
for last; do :; done
for name; do
    if [ "$name" != "$last" ]; then
        echo "$(basename "$name"): $(tr '\n' ' ' < "$name")"
    fi
done | LC_ALL=C sort > "$last"
