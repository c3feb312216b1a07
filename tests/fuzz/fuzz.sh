#!/bin/sh
# Runs one fuzz target. $1: its build; $2: its name; $3: seconds, or $4: executions.
# The dictionary's first line says how long an input may be.
set -u
cd "$(dirname "$0")/../.." || exit 3
build=$1
name=$2
corpus=$build/corpus/$name
found=$build/found/$name/
log=$build/$name.log
seeds="tests/fuzz/corpus/$name"
[ -d "tests/fuzz/found/$name" ] && seeds="$seeds tests/fuzz/found/$name"
[ "$name" = rules ] && seeds="$seeds tests/rules/good tests/rules/warn tests/rules/bad"
most=$(sed -n '1s/^# max_len=//p' "tests/fuzz/$name.dict")
if [ -n "$4" ]; then limit=-runs=$4; else limit=-max_total_time=$3; fi
mkdir -p "$corpus" "$found"
# What was freed is used again soon, and stacks of allocations are not kept: a third faster. Who looks into what
# was found runs the target on it without these.
export ASAN_OPTIONS=quarantine_size_mb=1:thread_local_quarantine_size_kb=64:malloc_context_size=1
# shellcheck disable=SC2086
if "$build/tests/fuzz/$name" "$limit" "-max_len=$most" "-dict=tests/fuzz/$name.dict" -timeout=10 -print_funcs=0 \
	-artifact_prefix="$found" "$corpus" $seeds >"$log" 2>&1; then
	sed -n "s/^Done \([0-9]*\) runs in \([0-9]*\) second.*/\1 \2/p" "$log" |
		awk -v name="$name" '{ printf "  %-10s %9d executions in %d s, %d a second\n",
			name, $1, $2, $1 / ($2 ? $2 : 1) }'
else
	tail -n 60 "$log"
	echo "  $name: FOUND something; the input is in $found"
	exit 1
fi
