#!/bin/sh
# Every allocation of `run --once` finds no memory in its turn, once and from then on: each pass ends cleanly or goes on,
# and in the end each change has earned one credential.
# alloc.sh PROGRAM NOMEM.SO N: about N allocations, evenly spread; 0: all of them (a day: tests/scenes/memory.c is faster).
nomem=$(realpath "$2")
most=$3
. "$(dirname "$(realpath "$0")")/../e2e/stage.inc"
start_sandbox
write_rules 0s
act option '{"name":"index_lag_ms","value":"0"}'
changes=0 stopped=0

# pass N: one change, and a pass whose N-th allocation fails. Where it ends by itself it says how many there were.
pass() {
	changes=$((changes + 1))
	value=Gold
	[ $((changes / 3 % 2)) -eq 0 ] || value=Silver
	act set '{"contact":'$((101 + changes % 3))',"property":"membership_tier","value":"'$value'"}' || exit 3
	timeout 60 env "HS2CERT_NOMEM=$1" "HS2CERT_ALLOCATIONS=$work/count" "LD_PRELOAD=$nomem" \
		"$program" run --once >out 2>log
	got=$?
	case $got in
	0 | 4) ;; # it went on
	1 | 3) stopped=$((stopped + 1)) && [ -s log ] ;;
	*) echo "allocation $1: exit $got" && false ;;
	esac
}

issued() {
	curl -s "$url/sandbox/state" | grep -o '"issued":true' | wc -l
}

# Whether a pass has nothing left to do, or only what is for people.
settled() {
	"$program" run --once 2>log
	[ $? -le 1 ]
}

before=$(issued)
check 'it starts' settled
check 'nothing fails' pass 0
check 'and again' pass 0
total=$(cat count)
check 'allocations are counted' [ "$total" -gt 1000 ]
step=$((most ? total / most + 1 : 1))
n=1
while [ $n -le "$total" ]; do
	check "once at $n" pass $n
	check "from $n on" pass $n+
	n=$((n + step))
done

check 'in the end nothing is left to do' soon settled
"$program" runs --json >runs 2>log
check 'each change earned one credential' [ "$(grep -cE '"state":"(sent|send-unknown)"' runs)" -eq $changes ]
check 'and Certifier issued as many' [ $(($(issued) - before)) -eq $changes ]
curl -s "$url/sandbox/state" | grep -o '"mails":\[[^]]*\]' | grep -o '"credential":"[^"]*"' | sort | uniq -d >twice
check 'nothing was mailed twice' [ ! -s twice ]
echo "$total allocations in a pass, $changes passes, $stopped of them stopped"
conclude alloc
