#!/bin/sh
# `validate --explain`: every code is told, and the examples in dsl/explain do what they show. The wrong one is found
# at the places that are marked below its lines, with that message and nothing else; of the right one nothing is said.
texts=$(realpath "$(dirname "$0")/../../dsl/explain")
. "$(dirname "$(realpath "$0")")/stage.inc"

# cut_example WRONG-OR-RIGHT TEXT: the example's files into this folder; expected: its marks, as found prints them. A
# lock file that is 'as above' is that of the wrong one.
cut_example() {
	: >expected
	awk -v title="$1:" -v code="$(basename "$2" .md)" '
		/^(Wrong|Right):$/ { here = $0 == title }
		!here { next }
		/^```/ {
			inside = !inside
			file = $0 == "```sh" ? "commands" : "rules.d/example.yaml"
			line = 0
			next
		}
		inside && /^# [^ ]+\.(yaml|lock)$/ {
			file = $2
			folder = file
			sub(/\/[^\/]*$/, "", folder)
			system("mkdir -p " folder)
			line = 0
			next
		}
		inside && match($0, /^ *\^+ /) {
			from = index($0, "^")
			printf "%s:%d:%d:%d:%s:%s\n", file, line, from, RLENGTH - from, code, substr($0, RLENGTH + 1) >"expected"
			next
		}
		inside { print >file; line++ }
	' "$2"
	LC_ALL=C sort -o expected expected
	grep -q '^# rules.d/hs2cert.lock: as above$' rules.d/example.yaml 2>/dev/null || return 0
	sed -e '1,/^# rules.d\/hs2cert.lock$/d' -e '/^```/,$d' "$2" >rules.d/hs2cert.lock
}

# found: what validate and test say of this folder, each as PATH:LINE:COLUMN:WIDTH:CODE:MESSAGE.
found() {
	"$program" validate --deny-warnings
	said=$?
	if [ -d rules.d/tests ]; then
		"$program" test
		said=$((said + $?))
	fi
	return $said
}

findings() {
	awk '
		match($0, /^[^ ]+:[0-9]+:[0-9]+: (error|warning): /) {
			place = $1
			text = substr($0, RLENGTH + 1)
			match(text, / \[[a-z0-9-]+\]$/)
			code = substr(text, RSTART + 2, RLENGTH - 3)
			text = substr(text, 1, RSTART - 1)
			under = NR + 2
		}
		NR == under && under {
			print place gsub(/\^/, "") ":" code ":" text
			under = 0
		}
	' "$1" | LC_ALL=C sort
}

# stage_example WRONG-OR-RIGHT TEXT: a new folder with the example; what is said of it in told.
stage_example() {
	rm -rf "$work/example"
	mkdir -p "$work/example/rules.d"
	cd "$work/example" || return 1
	cut_example "$1" "$2"
	[ ! -e commands ] || sh ./commands || return 1
	found >"$work/told" 2>&1
	said=$?
	cd "$work" || return 1
}

# wrong_example TEXT: what is marked is found, and nothing else. What commands made cannot be marked: its code alone.
wrong_example() {
	stage_example Wrong "$1" || return 1
	findings told >findings
	if [ -e example/commands ]; then
		sed -n 's/^.*\[\([a-z0-9-]*\)\]$/\1/p' told | sort -u >findings
		basename "$1" .md >example/expected
	fi
	[ "$said" -ne 0 ] && [ -s example/expected ] && diff example/expected findings && return 0
	cat told
	return 1
}

right_example() {
	stage_example Right "$1" && [ "$said" -eq 0 ] && ! grep -qE ': (error|warning): ' told && return 0
	cat told
	return 1
}

# told_whole TEXT: --explain tells all of a text but its headings and fences.
told_whole() {
	"$program" validate --explain "$(basename "$1" .md)" >out || return 1
	sed -e '/^```/d' -e '/^Wrong:$/d' -e '/^Right:$/d' -e '/^$/d' "$1" >wanted
	sed -n 's/^    //p' out | diff wanted - 
}

for text in "$texts"/*.md; do
	code=$(basename "$text" .md)
	check "$code: the wrong example" wrong_example "$text"
	check "$code: the right example" right_example "$text"
	check "$code: --explain" told_whole "$text"
done

check 'all codes, as a list' status 0 "$program" validate --explain all
check 'each with its severity' grep -qE '^single-braces +warning +text looks like a reference' out
check 'as many as there are texts' [ "$(wc -l <out)" -eq "$(find "$texts" -name '*.md' | wc -l)" ]
check 'all codes, as JSON' sh -c "[ \"\$('$program' validate --explain all --json | grep -c '^{\"code\":\".*\",\"severity\":\".*\"}\$')\" -eq \"\$(wc -l <out)\" ]"
check 'a code that is nearly one' status 2 "$program" validate --explain unknwon-key
check 'is told which' grep -qF "unknown code 'unknwon-key': did you mean 'unknown-key'?" err
check 'a code that is like none' status 2 "$program" validate --explain xyzzy
check 'is told where to look' grep -qF "'--explain all' lists them" err
check 'no PATH beside a code' status 2 "$program" validate --explain unknown-key rules.d
check 'colours on a terminal' sh -c "script -qec \"'$program' validate --explain unknown-key\" /dev/null | grep -q \"\$(printf '\\033\\[')\""
conclude explain
