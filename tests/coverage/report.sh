#!/bin/sh
# What the tests ran, after they ran. $1: the folder of the coverage build; $2: a source file whose gaps to show, or nothing.
set -eu
cd "$(dirname "$0")/../.."
find "$1/base" "$1/dsl" "$1/engine" -name '*.gcno' | sort | while read -r notes; do
	gcov -t -b -c -r "$notes" 2>/dev/null
done | awk -v show="${2:-}" -f tests/coverage/report.awk
