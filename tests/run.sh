#!/bin/sh
# Runs the tests of one build. $1: its folder; $2, which of them; $3, where it is given, the only one of these:
#
#   all     (default) everything that is run with each variant of the build
#   quick   the same without what starts the program itself or takes long
#   first   as quick, and ends at the first failure
#   long    many lives: what is run with the fast build only
#
# Several run side by side: tests share no file, no port and no folder but what is built. JOBS=n: so many; the default
# is a few, because what starts the program waits more than it works. What takes long comes first, so that none is left
# to run alone at the end. Ends with 'N passed, N failed'.
set -u
cd "$(dirname "$0")/.." || exit 3
build=$1
part=${2:-all}
only=${3:-}
jobs=${JOBS:-3}
queue=$build/tests-$part
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1

rm -rf "$queue"
mkdir -p "$queue" || exit 3
count=0

# run NAME COMMAND…: when its turn comes.
run() {
	[ -z "$only" ] || [ "$1" = "$only" ] || return 0
	count=$((count + 1))
	test=$queue/$(printf %03d $count)
	printf '%s\n' "$1" >"$test.name"
	shift
	printf "'%s' " "$@" >"$test.command"
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
	run 'scenes, plain' "$build/tests/scenes/scenes" tests/scenes --variant plain
	replay_lives
}

# What notices soonest first.
first_lives() {
	run 'scenes, plain' "$build/tests/scenes/scenes" tests/scenes --variant plain --first
	run scenes "$build/tests/scenes/scenes" tests/scenes --ends 3 --first
	replay_lives
}

more_lives() {
	run scenes "$build/tests/scenes/scenes" tests/scenes --ends 3
	replay_lives
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
	for test in tests/e2e/*.sh; do
		run "e2e/$(basename "$test" .sh)" sh "$test" "$build/hs2cert"
	done
}

long() {
	run 'every scene, ended at up to 4 durable steps' "$build/tests/scenes/scenes" tests/scenes --ends 4
	run editor sh tests/editor/run.sh "$build/hs2cert" build/editor/node_modules
	run 'kill -9, 100 times' "$build/tests/kill/kill" "$build/hs2cert" 100
	run 'simulation, 300 seeds' "$build/tests/simulation/simulation" --seeds 300 --jobs 1
	run 'torture, four places of each scene' "$build/tests/scenes/scenes" tests/scenes --torture 4
	run 'wire, every behaviour against every call' "$build/tests/wire/wire"
	run 'no memory, in ten places of six scenes' env "LD_PRELOAD=$(realpath "$build")/tests/torture/nomem.so" \
		"$build/tests/scenes/scenes" tests/scenes --memory --torture 10 --scene webhooks.yaml
	run 'no memory, in eight places' sh tests/torture/alloc.sh "$build/hs2cert" "$build/tests/torture/nomem.so" 8
	run elf sh tests/elf/run.sh "$build/hs2cert"
	run install sh tests/install/run.sh "$build"
}

case $part in
all) some_lives && run wire "$build/tests/wire/wire" --every 5 && program && unit && replays ;;
quick) more_lives && unit ;;
first) jobs=1 && unit && first_lives ;;
long) long ;;
*) echo "run.sh: there is no part '$part'" && exit 2 ;;
esac

# Each tells of itself, in one piece, as it ends.
find "$queue" -name '*.command' | sed 's/\.command$//' | sort |
	xargs -P "$jobs" -I @ sh tests/one.sh @ "$([ "$part" != first ] || echo first)"

# What left no status did not end: it failed, too.
passed=$(cat "$queue"/*.status 2>/dev/null | grep -cx 0)
failures=
for test in "$queue"/*.name; do
	status=${test%.name}.status
	[ -s "$status" ] && [ "$(cat "$status")" -eq 0 ] || failures="$failures, $(cat "$test")"
done
[ -z "$failures" ] || echo "failed: ${failures#, }"
echo "$passed passed, $((count - passed)) failed"
[ "$passed" -eq "$count" ] && [ "$count" -gt 0 ]
