#!/bin/sh
# How the daemon ends, and what a reload does not do: signals amid a request, rules and secrets that are gone,
# a disk that is full.
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox
write_rules 0s
act option '{"name":"index_lag_ms","value":"0"}'
act option '{"name":"rate_limits","value":"false"}'
check 'a first pass activates the rules' status 0 "$program" run --once

# ---- reload --------------------------------------------------------------------

sed -i "s|token: \"\${CERTIFIER_TOKEN}\"|token: \"file:$work/token\"|" rules.d/00-accounts.yaml
echo cert-secret-token >token
start_daemon
check 'the daemon loads its rules' soon grep -q 'rules loaded' log
rm token
kill -HUP "$daemon"
check 'a secret that is gone: the rules in force stay' soon grep -q 'reload refused.*token' log
mv rules.d away
kill -HUP "$daemon"
check 'a folder that is gone: the same' soon grep -q "reload refused.*rules.d" log
mv away rules.d
act set '{"contact":101,"property":"membership_tier","value":"Silver"}'
check 'and work goes on with the token that it has' soon state_is tier sent 1
echo cert-secret-token >token

# ---- signals amid a request ------------------------------------------------------

act fault '{"call":"send","fault":"timeout","times":1}'
act set '{"contact":101,"property":"membership_tier","value":"Gold"}'
check 'a send hangs' soon state_is tier sending 1
loaded=$(grep -c 'rules loaded' log)
kill -TERM "$daemon"
check 'SIGTERM waits for its answer' soon grep -q 'stopping: requests in flight' log
kill -HUP "$daemon"
check 'it is still there' kill -0 "$daemon"
kill -TERM "$daemon"
check 'a second SIGTERM ends it at once, with 0' wait "$daemon"
daemon=
check 'it loaded nothing while it stopped' [ "$(grep -c 'rules loaded' log)" -eq "$loaded" ]
check 'the next one parks that send: 1' status 1 "$program" run --once
check 'and does not repeat it' state_is tier send-unknown 1

"$program" run --once --log-level debug 2>once.log &
daemon=$!
soon grep -q 'hs2cert started' once.log
kill -INT "$daemon" 2>/dev/null
wait "$daemon"
ended=$?
daemon=
check 'one pass that is stopped is none that found something' [ $ended -eq 0 -o $ended -eq 1 ]

# ---- a full disk -----------------------------------------------------------------

# From now on no file of the daemon's grows beyond 16 KiB; it logs through a pipe, which is never full.
full_disk() {	# COMMAND…: what makes it write, again and again
	rm -f disk.log
	mkfifo pipe
	cat pipe >disk.log &
	(trap '' XFSZ && exec "$program" run 2>pipe) &
	daemon=$!
	soon grep -q 'rules loaded' disk.log || return 1
	prlimit --pid "$daemon" --fsize=16384 || return 1
	tries=0
	while kill -0 "$daemon" 2>/dev/null && [ $tries -lt 400 ]; do
		tries=$((tries + 1))
		"$@" 2>/dev/null
		sleep 0.02
	done
	wait "$daemon"
	ended=$?
	daemon=
	rm pipe
	[ $ended -eq 3 ] || { cat disk.log; return 1; }
}
change() {
	act set "{\"contact\":102,\"property\":\"membership_tier\",\"value\":\"$([ $((tries % 2)) -eq 0 ] && echo Gold || echo Bronze)\"}"
}
reload_again() {	# with other rules each time: the same again would write nothing
	sed -i "s/{{ event.to }}[^\"]*/{{ event.to }} $tries/" rules.d/10-rules.yaml
	kill -HUP "$daemon"
}
check 'no room: 3' full_disk change
check 'with its reason' grep -q 'the ground gives way.*reason=' disk.log
changes=$tries
check 'room again: what happened is caught up' status 1 "$program" run --once
check "every change once ($changes)" state_is tier sent $((1 + changes))
check 'no room for a reload: 3' full_disk reload_again
check 'room again: nothing is doubled' status 1 "$program" run --once
check 'nor lost' state_is tier sent $((1 + changes))
conclude stops
