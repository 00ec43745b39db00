#!/bin/sh
# INPUT... OUTPUT: the names in the order they came, then the number of lines in each.
set -e
for last; do :; done
for name; do
    if [ "$name" != "$last" ]; then
        echo "$(basename "$name") $(($(wc -l < "$name")))"
    fi
done > "$last"
