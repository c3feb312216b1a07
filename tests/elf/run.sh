#!/bin/sh
# The program as users get it is hardened; and the check would notice if it were not: run.sh PROGRAM.
set -u
program=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 3
passed=0 failed=0

check() { # WORDS COMMAND…
	words=$1
	shift
	if "$@" >out 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL: $words"
		cat out
	fi
}

cat >small.c <<'END'
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
	char room[16];
	strcpy(room, argv[argc - 1]);
	return puts(room) < 0;
}
END
good_c='-g -O2 -fstack-protector-strong -fstack-clash-protection -fPIE -fno-strict-overflow -fno-strict-aliasing -fno-delete-null-pointer-checks -ftrivial-auto-var-init=zero -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2'
[ "$(uname -m)" != x86_64 ] || good_c="$good_c -fcf-protection=full"
good_ld='-pie -Wl,-z,relro,-z,now,-z,noexecstack'

# build COMPILING LINKING; notices WORDS: the check of what was built says this, and fails.
build() {
	# shellcheck disable=SC2086
	gcc $1 -w -c -o small.o small.c && gcc $2 -o small small.o
}
notices() {
	! sh "$here/check.sh" small >said 2>&1 && grep -qF "$1" said || { cat said; return 1; }
}
without() { # WORDS COMPILING LINKING
	build "$2" "$3" && notices "$1"
}

check 'the program is hardened' sh "$here/check.sh" "$program"
check 'a small program with all of it' build "$good_c" "$good_ld"
check 'passes' sh "$here/check.sh" small
check 'no position-independent one' without 'not position-independent' "$good_c -fno-pie" '-no-pie -Wl,-z,relro,-z,now,-z,noexecstack'
check 'lazy binding' without 'bound lazily' "$good_c" '-pie -Wl,-z,relro,-z,lazy,-z,noexecstack'
check 'writable relocations' without 'relocations stay writable' "$good_c" '-pie -Wl,-z,norelro,-z,now,-z,noexecstack'
check 'an executable stack' without 'the stack is executable' "$good_c" '-pie -Wl,-z,relro,-z,now,-z,execstack'
check 'no canary' without 'no stack canary' "$good_c -fno-stack-protector" "$good_ld"
check 'nothing fortified' without 'nothing is fortified' "$good_c -U_FORTIFY_SOURCE" "$good_ld"
check 'a path of libraries' without 'a path of libraries' "$good_c" "$good_ld -Wl,-rpath,/tmp"
for flag in -fstack-clash-protection -fno-strict-overflow -fno-strict-aliasing -ftrivial-auto-var-init=zero \
	${good_c##*-D_FORTIFY_SOURCE=2}; do
	check "without $flag" without "without $flag" "$(echo "$good_c" | sed "s/ $flag//")" "$good_ld"
done
check 'what is no program' sh -c "! sh '$here/check.sh' small.c"
echo "elf: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
