#!/bin/sh
# The tests with several Pythons, each in a virtual environment of its own: pythons.sh "PYTHON…" PYTEST_ARGUMENT…
# A name that is not found is looked for in the versions of pyenv, and named when it is missing there, too.

pythons=$1
shift
found= missing= failed=

for name in $pythons; do
    python=$(command -v "$name")
    "$python" -c "" 2>/dev/null || python=$(ls "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/"$name" 2>/dev/null | tail -n 1)
    if [ -z "$python" ]; then
        missing="$missing $name"
        continue
    fi
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    found="$found $version"
    place=build/python$version
    echo "== $python: Python $version in $place"
    "$python" -m venv --clear "$place" &&
        "$place/bin/python" -m pip install -qq --disable-pip-version-check --editable '.[test]' &&
        "$place/bin/python" -m pytest "$@" || failed="$failed $version"
done

echo "tested with:${found:- none}; missing:${missing:- none}; failed:${failed:- none}"
[ -n "$found" ] && [ -z "$failed" ]
