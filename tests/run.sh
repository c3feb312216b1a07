#!/bin/sh
# Runs every test of one build. $1: its folder; $2: quick leaves out what starts the program itself, first does so too
# and ends at the first failure.
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
	if "$@" >"$build/test.log" 2>&1; then
		passed=$((passed + 1))
		printf '  ok    %s%s\n' "$name" "$(tail -n 1 "$build/test.log" | sed -n 's/^[a-z]*: \([0-9]* passed\).*/ (\1)/p')"
	else
		failed=$((failed + 1))
		failures="$failures $name"
		printf '  FAIL  %s\n' "$name"
		sed 's/^/        /' "$build/test.log" | tail -n 120
		[ "$part" != first ] || exit 1
	fi
}

for test in "$build"/tests/unit/test_*; do
	case $test in *.o | *.d | *.gc??) continue ;; esac
	run "unit/$(basename "$test")" "$test"
done
# Every fuzz target over its corpus and over all that was ever found.
for target in tests/fuzz/*.c; do
	name=$(basename "$target" .c)
	[ "$part" = all ] && [ "$name" != replay ] || continue
	run "fuzz/$name" "$build/tests/fuzz/$name" "tests/fuzz/corpus/$name" "tests/fuzz/found/$name"
done
run rules "$build/tests/rules/golden" tests/rules
# Under sanitizers each scene is ended at a few of its durable steps; `make check` ends the fast build at all.
# Each of these is lived twice, and must be the same bit by bit; `make check` lives 300 more.
run simulation "$build/tests/simulation/simulation" --seed 5000 --seeds 24 --replay
run scenes "$build/tests/scenes/scenes" tests/scenes --ends 3
# Likewise every fifth life on the wire; `make check` lives them all in the fast build.
[ "$part" != all ] || run wire "$build/tests/wire/wire" --every 5
for test in tests/e2e/*.sh; do
	[ "$part" = all ] || break
	run "e2e/$(basename "$test" .sh)" sh "$test" "$build/hs2cert"
done

[ -z "$failures" ] || echo "failed:$failures"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
