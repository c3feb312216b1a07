#!/bin/sh
# Runs the tests of one build. $1: its folder; $2, which of them:
#
#   all     (default) everything that is run with each variant of the build
#   quick   the same without what starts the program itself or takes long
#   first   as quick, and ends at the first failure
#   long    many lives: what is run with the fast build only
#
# Ends with 'N passed, N failed'.
set -u
cd "$(dirname "$0")/.." || exit 3
build=$1
part=${2:-all}
passed=0
failed=0
failures=
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1

# run NAME COMMAND…: keeps the output of what fails.
run() {
	name=$1
	shift
	if "$@" >"$build/test-$part.log" 2>&1; then
		passed=$((passed + 1))
		printf '  ok    %s%s\n' "$name" \
			"$(tail -n 1 "$build/test-$part.log" | sed -n 's/^[a-z]*: \([0-9]* passed\).*/ (\1)/p')"
	else
		failed=$((failed + 1))
		failures="$failures $name"
		printf '  FAIL  %s\n' "$name"
		sed 's/^/        /' "$build/test-$part.log" | tail -n 120
		[ "$part" != first ] || exit 1
	fi
}

unit() {
	for test in "$build"/tests/unit/test_*; do
		case $test in *.o | *.d | *.gc??) continue ;; esac
		run "unit/$(basename "$test")" "$test"
	done
	run rules "$build/tests/rules/golden" tests/rules
	run 'the tests of rules.d' "$build/hs2cert" test
}

# Each of these is lived twice, and must be the same bit by bit.
replay_lives() {
	run simulation "$build/tests/simulation/simulation" --seed 5000 --seeds 24 --replay
}

# One life of each scene, so that every variant of the build has seen it; `long` has the many.
some_lives() {
	replay_lives
	run 'scenes, plain' "$build/tests/scenes/scenes" tests/scenes --variant plain
}

# What notices soonest first.
first_lives() {
	run 'scenes, plain' "$build/tests/scenes/scenes" tests/scenes --variant plain --first
	run scenes "$build/tests/scenes/scenes" tests/scenes --ends 3 --first
	replay_lives
}

more_lives() {
	replay_lives
	run scenes "$build/tests/scenes/scenes" tests/scenes --ends 3
}

# Every fuzz target over its corpus and over all that was ever found.
replays() {
	for target in tests/fuzz/*.c; do
		name=$(basename "$target" .c)
		[ "$name" != replay ] || continue
		run "fuzz/$name" "$build/tests/fuzz/$name" "tests/fuzz/corpus/$name" "tests/fuzz/found/$name"
	done
}

program() {
	run wire "$build/tests/wire/wire" --every 5
	for test in tests/e2e/*.sh; do
		run "e2e/$(basename "$test" .sh)" sh "$test" "$build/hs2cert"
	done
}

long() {
	run elf sh tests/elf/run.sh "$build/hs2cert"
	run install sh tests/install/run.sh "$build"
	run editor sh tests/editor/run.sh "$build/hs2cert" build/editor/node_modules
	run 'every scene, ended everywhere' "$build/tests/scenes/scenes" tests/scenes
	run 'simulation, 300 seeds' "$build/tests/simulation/simulation" --seeds 300 --jobs 1
	run 'wire, every behaviour against every call' "$build/tests/wire/wire"
	run 'torture, six places of each scene' "$build/tests/scenes/scenes" tests/scenes --torture 6
	run 'no memory, in eight places' sh tests/torture/alloc.sh "$build/hs2cert" "$build/tests/torture/nomem.so" 8
	run 'kill -9, 100 times' "$build/tests/kill/kill" "$build/hs2cert" 100
}

case $part in
all) unit && replays && some_lives && program ;;
quick) unit && more_lives ;;
first) unit && first_lives ;;
long) long ;;
*) echo "run.sh: there is no part '$part'" && exit 2 ;;
esac

[ -z "$failures" ] || echo "failed:$failures"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
