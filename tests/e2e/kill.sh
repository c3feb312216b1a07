#!/bin/sh
# kill -9, again and again, at whatever moment, while changes go on: nothing lost, nothing doubled.
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox
act option '{"name":"index_lag_ms","value":"200"}'
act option '{"name":"rate_limits","value":"false"}'
write_rules 0s
people=12
kills=20

i=0
while [ $i -lt $people ]; do
	act create "{\"id\":$((2000 + i)),\"membership_tier\":\"Bronze\",\"email\":\"p$i@example.org\",\"firstname\":\"P$i\"}"
	i=$((i + 1))
done
check 'a first pass activates the rules' status 0 "$program" run --once
i=0
while [ $i -lt $kills ]; do
	start_daemon
	[ $i -ge $people ] || act set "{\"contact\":$((2000 + i)),\"property\":\"membership_tier\",\"value\":\"Gold\"}"
	# From 20 to 610 ms: some die before their first poll, some amid a send.
	sleep "$(awk "BEGIN { print 0.02 + ($i * 7 % 20) * 0.031 }")"
	kill -9 "$daemon"
	wait "$daemon" 2>/dev/null
	i=$((i + 1))
done
daemon=
tries=0
while [ $tries -lt 30 ]; do
	"$program" run --once 2>>log
	[ $? -eq 4 ] || break
	tries=$((tries + 1))
done
done_well=$("$program" runs --json --state-is sent 2>/dev/null | wc -l)
parked=$("$program" runs --json --state-is send-unknown 2>/dev/null | wc -l)
check "everybody has one issuance: $done_well sent, $parked parked of $people" [ $((done_well + parked)) -eq $people ]
check 'twelve contacts, not one twice' [ "$("$program" runs --json | sed 's/.*"contact":"\([0-9]*\)".*/\1/' | sort -u | wc -l)" -eq $people ]
mailed=$(mails)
check "no more mails ($mailed) than sends that were begun, no fewer than were done" [ "$mailed" -ge "$done_well" -a "$mailed" -le $people ]
issued=$(curl -s "$url/sandbox/state" | grep -o '"issued":true' | wc -l)
check "exactly one issued credential each ($issued)" [ "$issued" -eq $people ]
conclude kill
