#!/bin/sh
# Every header compiles alone, twice over, in both compilers. $1: folder of generated headers.
set -u
cd "$(dirname "$0")/../.." || exit 3
bad=0
for header in base/*.h dsl/*.h engine/*.h engine/*/*.h; do
	for cc in gcc clang; do
		command -v $cc >/dev/null 2>&1 || continue
		printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
			$cc -std=c11 -D_GNU_SOURCE -I. -I"$1" -Wall -Wextra -Werror -fsyntax-only -x c - ||
			{ echo "$header: does not compile alone with $cc"; bad=1; }
	done
	grep -q '^#ifndef .*_H$' "$header" || { echo "$header: no include guard"; bad=1; }
done
[ $bad -eq 0 ] && echo 'headers: each compiles alone'
exit $bad
