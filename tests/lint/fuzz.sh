#!/bin/sh
# Each fuzz target has a corpus, a dictionary that says how long inputs may be, and a row in
# docs/RELIABILITY.md with its executions. Prints what is missing; exit 1.
set -u
cd "$(dirname "$0")/../.." || exit 3
bad=0

for file in tests/fuzz/*.c; do
	name=$(basename "$file" .c)
	[ "$name" = replay ] && continue
	missing=
	[ -d "tests/fuzz/corpus/$name" ] || missing=" a corpus"
	grep -qs '^# max_len=[0-9]' "tests/fuzz/$name.dict" || missing="$missing a dictionary with max_len"
	grep -q "^| \`$name\` |.* [0-9,]* | 20[0-9-]* |\$" docs/RELIABILITY.md ||
		missing="$missing a row in docs/RELIABILITY.md with executions and a date"
	[ -z "$missing" ] || { echo "$file:1: lacks$missing"; bad=1; }
done
exit $bad
