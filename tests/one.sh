#!/bin/sh
# One test of run.sh's queue: $1.name, $1.command; leaves $1.log and $1.status, and prints a line with how it ended and
# how long it took, behind it the log of what failed. $2, where it is 'first': a failure ends the queue.
began=$(date +%s%N)
sh "$1.command" >"$1.log" 2>&1 </dev/null
status=$?
took=$((($(date +%s%N) - began) / 100000000))
{
	[ $status -eq 0 ] && word='ok   ' || word=FAIL
	printf '  %-5s %s%s %d.%d s\n' "$word" "$(cat "$1.name")" \
		"$(tail -n 1 "$1.log" | sed -n 's/^[a-z]*: \([0-9]* passed\).*/ (\1)/p')" $((took / 10)) $((took % 10))
	[ $status -eq 0 ] || sed 's/^/        /' "$1.log"
} >"$1.told"
cat "$1.told"
echo $status >"$1.status"
[ $status -eq 0 ] || [ "$2" != first ] || exit 255 # xargs stops
