#!/bin/sh
# A copy of the state is put back: nobody is mailed twice; reconcile; did we miss anyone.
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox --data data.json
act option '{"name":"index_lag_ms","value":"0"}'
act option '{"name":"rate_limits","value":"false"}'
write_rules 0s
once() { "$program" run --once "$@" 2>>log; }

check 'no state: 3' status 3 "$program" reconcile
check 'and what makes one' grep -q "there is no state 'hs2cert.db' yet: 'hs2cert run' makes it" err
check 'it makes none' [ ! -e hs2cert.db ]
check 'a first pass activates the rules' once
mkdir other
cp rules.d/00-accounts.yaml other
check 'by another folder: 3' status 3 "$program" reconcile --rules other
check 'with what to do' grep -q "the rules in 'other' are not those in force: .*; load them first" err
check 'no rule is ended or begun by it' [ "$("$program" status --json | grep -c '"active_since":"20')" -eq 2 ]
act set '{"contact":101,"property":"membership_tier","value":"Gold"}'
check 'one is issued' once
mkdir backup
cp hs2cert.db* backup/
act set '{"contact":102,"property":"membership_tier","value":"Gold"}'
act set '{"contact":101,"property":"membership_tier","value":"Silver"}'
check 'two more are issued, by a daemon' sh -c "
	'$program' run 2>>log & pid=\$!
	i=0; until [ \"\$('$program' runs --json --state-is sent | wc -l)\" -eq 3 ] || [ \$i -gt 200 ]; do sleep 0.1; i=\$((i + 1)); done
	'$program' reconcile 2>refused; echo \$? >>refused
	'$program' reconcile --dry-run >beside 2>&1; echo \$? >>beside
	kill \$pid; wait \$pid"
check 'beside a daemon reconcile names its pid: 3' sh -c 'grep -q "pid [0-9].*: stop it first, or --dry-run" refused && grep -qx 3 refused'
check 'but for a dry run, that finds no difference: 0' sh -c 'grep -q "ledger and service agree" beside && grep -qx 0 beside'
check 'three mails' [ "$(mails)" -eq 3 ]
cp hs2cert.db.lock lock.kept

put_back() {	# and what belongs to the later state is gone
	rm -f hs2cert.db hs2cert.db-wal hs2cert.db-shm hs2cert.db.lock
	cp backup/hs2cert.db* .
	rm -f hs2cert.db.lock
	[ $# -eq 0 ] || cp "$1" hs2cert.db.lock
}

for mark in lock.kept ''; do
	put_back $mark
	check "a pass on the older state: 1${mark:+, by its mark}" sh -c "'$program' run --once 2>err; [ \$? -eq 1 ] && grep -q \"run 'hs2cert reconcile'\" err"
	check 'and again: 1' status 1 "$program" run --once
	check 'nobody was mailed again' [ "$(mails)" -eq 3 ]
	check 'HubSpot was read on' [ "$("$program" runs --json --state-is planned | wc -l)" -eq 2 ]
	check 'a dry run finds both: 1' status 1 "$program" reconcile --dry-run --json
	check 'as parked' [ "$(grep -c '"found":"parked"' out)" -eq 2 ]
	check 'and changes nothing: 1' status 1 "$program" run --once
	check 'reconcile parks both: 1' status 1 "$program" reconcile
	check 'and says so, and what lists them' grep -q "^2 found issued.*('hs2cert runs --state-is send-unknown')" out
	check 'twice is once: 0' status 0 "$program" reconcile
	check 'they are send-unknown' [ "$("$program" runs --json --state-is send-unknown | wc -l)" -eq 2 ]
	check 'still nobody was mailed again' [ "$(mails)" -eq 3 ]
done
act set '{"contact":103,"property":"membership_tier","value":"Gold"}'
check 'did we miss anyone: 1' status 1 "$program" reconcile --json
check 'one' [ "$(grep -c '"found":"missed"' out)" -eq 1 ]
check 'it goes on: 1 for what is parked' status 1 "$program" run --once
check 'who was missed is mailed' [ "$(mails)" -eq 4 ]
check 'nobody is missed now: 0' status 0 "$program" reconcile --account certifier
check 'an account that is none: 2' status 2 "$program" reconcile --account hubspot
act fault '{"call":"certifier","fault":"status","status":401,"times":1}'
check 'Certifier does not answer: 3' status 3 "$program" reconcile
act fault '{"call":"hubspot","fault":"status","status":401,"times":1}'
check 'HubSpot does not: 3' status 3 "$program" reconcile

# A state that is lost, and a rule that reaches back to before.
rm -f hs2cert.db*
sed -i 's/^rule: tier$/rule: tier\nsince: 2020-01-01/' rules.d/10-rules.yaml
check 'a new state that reaches back: 1' status 1 "$program" run --once
check 'nobody was mailed again' [ "$(mails)" -eq 4 ]
check 'reconcile finds them: 1' status 1 "$program" reconcile
check 'all four' grep -q '^4 found issued' out
check 'a pass: 1, for what is parked' status 1 "$program" run --once
check 'and nobody was mailed again' [ "$(mails)" -eq 4 ]

# A state that is lost, and a backfill by a rule that fills another text in now.
rm -f hs2cert.db*
sed -i '/^since: /d; s/custom.tier: .*}}/&!/; s/property: membership_tier,/& to: [Gold, Silver],/' rules.d/10-rules.yaml
check 'a new state' once
check 'reconcile back to the first: 0, all are nobody'"'"'s' status 0 "$program" reconcile --since 1d
check 'all four' grep -q '^4 at the service, but nobody' out
check 'with their group' grep -q '^  -  *issued  *group 01g90279gp5sbmfek7wymcsvec  *01' out
check 'a reconcile as ever forgets none of them: 0' status 0 "$program" reconcile
check 'a backfill' status 0 "$program" backfill tier --yes
check 'a pass: 1, for what is held' status 1 "$program" run --once
check 'what may have been issued already is held' [ "$("$program" runs --json --hold restored | wc -l)" -eq 3 ]
check 'nobody was mailed again' [ "$(mails)" -eq 4 ]

# A state that is lost, but not its mark: all that was issued is suspect, also what is older than any rule of now,
# behind a page of what somebody else issued since.
check '101 guests of another group' curl -s -S --fail-early -f -o /dev/null -H "Authorization: Bearer $CERTIFIER_TOKEN" -H 'Certifier-Version: 2022-10-26' \
	-H 'Content-Type: application/json' --data '{"groupId":"01hv2c7w4n1x8k9q3r5t6y7z0b","recipient":{"name":"Guest","email":"guest@example.org"}}' \
	"$url/certifier/v1/credentials?[1-101]"
check 'all of them' [ "$(curl -s "$url/sandbox/state" | grep -o guest@example.org | wc -l)" -eq 101 ]
kill "$sandbox"
wait "$sandbox"
sed -i 's/"20[0-9-]*T/"2026-01-01T/g; s/"clock":"[^"]*",//' data.json	# the same day, long ago
start_sandbox --data data.json
act option '{"name":"index_lag_ms","value":"0"}'
act option '{"name":"rate_limits","value":"false"}'
sed -i "s|http://127.0.0.1:[0-9]*|$url|" rules.d/00-accounts.yaml
rm -f hs2cert.db hs2cert.db-wal hs2cert.db-shm
cp lock.kept hs2cert.db.lock
check 'a pass on a new state whose mark is left: 1' status 1 "$program" run --once
check 'no backfill before a reconcile' sh -c "! '$program' backfill tier --yes 2>err && grep -q 'hs2cert reconcile' err"
check 'reconcile' status 0 "$program" reconcile
check 'finds all four, however old' grep -q '^4 at the service, but nobody' out
check 'a backfill' status 0 "$program" backfill tier --yes
check 'a pass: 1, for what is held' status 1 "$program" run --once
check 'nobody was mailed again' [ "$(mails)" -eq 4 ]

act fault '{"call":"hubspot","fault":"timeout","times":1}'
"$program" reconcile >out 2>err &
daemon=$!
check 'a reconcile has the state' soon grep -qx "$daemon" hs2cert.db.lock
kill -USR1 "$daemon"
sleep 0.3
check 'what a command beside it nudges goes on' kill -0 "$daemon"
conclude reconcile
