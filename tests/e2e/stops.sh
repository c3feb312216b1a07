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
begin() {
	rm -f disk.log pipe
	mkfifo pipe
	cat pipe >disk.log &
	(trap '' XFSZ && exec "$program" run --listen 127.0.0.1:0 2>pipe) &
	daemon=$!
	soon grep -q 'rules loaded' disk.log || return 1
	port=$(sed -n 's/.*address=127.0.0.1:\([0-9]*\).*/\1/p' disk.log)
}
full() {
	prlimit --pid "$daemon" --fsize=16384:unlimited
}
room() {
	prlimit --pid "$daemon" --fsize=unlimited
}
# unfit_after COMMAND…: what makes it write, again and again
unfit_after() {
	tries=0
	until grep -q 'unfit: the state cannot be written' disk.log || [ $tries -ge 400 ]; do
		tries=$((tries + 1))
		"$@" 2>/dev/null
		sleep 0.02
	done
	[ $tries -lt 400 ]
}
ask() {	# PATH: the admin endpoint's answer and its status
	curl -s -w ' %{http_code}' --unix-socket hs2cert.db.sock "http://localhost$1"
}
look() {	# STATUS: what an automation asks for is answered with it
	[ "$(knock)" = "$1" ]
}
knock() {
	curl -s -o /dev/null -w '%{http_code}' -H 'X-Hs2cert-Secret: look-secret' --data-binary '{"vid":102}' "http://127.0.0.1:$port/hook/look"
}
change() {
	act set "{\"contact\":102,\"property\":\"membership_tier\",\"value\":\"$([ $((tries % 2)) -eq 0 ] && echo Gold || echo Bronze)\"}"
}
reload_again() {	# with other rules each time: the same again would write nothing
	sed -i "s/{{ event.to }}[^\"]*/{{ event.to }} $tries/" rules.d/10-rules.yaml
	kill -HUP "$daemon"
}

sed -i 's|poll: 1s,|poll: 1s, webhook: { public-url: "https://hooks.example.org/hook", secret: "${LOOK_SECRET}" },|' rules.d/00-accounts.yaml
export LOOK_SECRET=look-secret
check 'the daemon listens' begin
check 'and takes news' look 204
full
check 'no room: unfit' unfit_after change
changes=$tries
check 'with the reason' grep -q 'unfit.*reason=' disk.log
check 'it is still there' kill -0 "$daemon"
check 'news get a 503, which is repeated' look 503
check 'health says so' sh -c 'case $1 in *"cannot be written"*reason*" 503") ;; *) exit 1;; esac' - "$(ask /health)"
check 'and readiness' sh -c 'case $1 in *false*unfit*" 503") ;; *) exit 1;; esac' - "$(ask /ready)"
check 'the page is still served' sh -c 'case $1 in *"nothing is done"*" 200") ;; *) exit 1;; esac' - "$(ask /)"
check 'status tells it' sh -c "'$program' status | grep -q '^unfit '"
check 'which is not ready: 1' status 1 "$program" status --ready
check 'and why' grep -q '^not ready: the state cannot be written: ' out
check 'a reload is refused, with the reason' status 1 "$program" reload
check 'which says what becomes of the rules' grep -q 'these rules come into force when it can' out
room
kill -USR1 "$daemon"
check 'room again: it goes on by itself' soon grep -q 'fit again' disk.log
check 'and takes news again' soon look 204
check 'and is ready' soon sh -c "curl -s -f -o /dev/null --unix-socket hs2cert.db.sock http://localhost/ready"
check "every change once ($changes)" soon state_is tier sent $((1 + changes))
full
: >disk.log
check 'no room for a reload: the same' unfit_after reload_again
kill -TERM "$daemon"
check 'an unfit daemon stops as any other' wait "$daemon"
daemon=
check 'room again: nothing is doubled' status 1 "$program" run --once
check 'nor lost' state_is tier sent $((1 + changes))
conclude stops
