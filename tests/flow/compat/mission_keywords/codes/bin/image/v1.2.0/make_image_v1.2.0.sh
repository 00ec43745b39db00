#!/bin/sh
# --mode=M TABLE DATE FRAME CAL OUTPUT
set -e
[ $# = 6 ] || { echo "expected 6 arguments, got $#: $*" >&2; exit 1; }
[ "$2" = "$HOME/calib_table" ] || { echo "table is $2" >&2; exit 1; }
{
    echo "$(basename "$0") $1 $(basename "$2") $3 $(basename "$4") $(basename "$5")"
    cat "$4" "$5"
} > "$6"
