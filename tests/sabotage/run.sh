#!/bin/sh
# Breaks one promise at a time and asks whether the tests notice.
#
#   run.sh [NAME…]      patches of this folder whose name holds one of the words; default: all
#
# Each says in its head which of the fast tests notices it (`Noticed by: unit/test_x`, a name that tests/run.sh prints),
# and this one is built and run, on a copy of the tree in build/sabotage. One that names none goes through all fast tests
# until one fails, and is told what to name. A patch that is not noticed by what it names, that does not apply or does
# not compile is a failure. Ends with 'N passed, N failed'.
set -u
cd "$(dirname "$0")/../.." || exit 3
root=$(pwd)
tree=$root/build/sabotage/tree
passed=0
failed=0
missed=

wanted() { # NAME: is it among the words asked for?
	[ -z "$words" ] && return 0
	for word in $words; do
		case $1 in *"$word"*) return 0 ;; esac
	done
	return 1
}

fail() { # NAME WHY
	failed=$((failed + 1))
	missed="$missed $1"
	printf '  MISS  %-32s %s\n' "$1" "$2"
}

# Objects are copied too, with their times, so that only what a patch touches is built.
make_tree() {
	rm -rf "$tree"
	mkdir -p "$tree"
	git ls-files -z | xargs -0 cp -p --parents -t "$tree" || exit 3
	find build -name sabotage -prune -o -path build/san -prune -o -path build/clang -prune -o -path build/fuzz -prune \
		-o -path build/cov -prune -o -type f -print0 | xargs -0 cp -p --parents -t "$tree" || exit 3
}

# What a test is built as.
target() {
	case $1 in
	unit/*) echo "build/tests/$1" ;;
	rules) echo build/tests/rules/golden ;;
	'the tests of rules.d') echo build/hs2cert ;;
	scenes*) echo build/tests/scenes/scenes ;;
	simulation) echo build/tests/simulation/simulation ;;
	*) echo quick-build ;;
	esac
}

try() { # NAME PATCH
	named=$(sed -n 's/^Noticed by: //p' "$2")
	if ! patch -s -p1 -d "$tree" <"$2" >"$log" 2>&1; then
		fail "$1" 'does not apply'
		make_tree
		return
	fi
	if ! make -C "$tree" --no-print-directory "$(target "$named")" >"$log" 2>&1; then
		fail "$1" "does not compile: $(grep -m 1 error: "$log")"
	elif caught=$(cd "$tree" && timeout 300 sh tests/run.sh build first "$named" 2>>"$log" | sed -n 's/^  FAIL  //p') && [ -z "$caught" ]; then
		fail "$1" "${named:-no test} did not notice"
	elif [ -z "$named" ]; then
		fail "$1" "name what notices it: $caught"
	else
		passed=$((passed + 1))
		printf '  ok    %-32s caught by %s\n' "$1" "$caught"
	fi
	# Undone by copies: backwards a patch may fit another place as well.
	for touched in $(sed -n 's|^+++ b/||p' "$2"); do
		cp "$touched" "$tree/$touched"
	done
}

words=$*
log=$root/build/sabotage/log
mkdir -p build/sabotage
make --no-print-directory quick-build >"$log" 2>&1 || { cat "$log"; exit 3; }
make_tree
for file in tests/sabotage/*.patch; do
	name=$(basename "$file" .patch)
	wanted "$name" && try "$name" "$root/$file"
done
rm -rf "$tree"
[ -z "$missed" ] || echo "not noticed:$missed"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
