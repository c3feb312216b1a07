#!/bin/sh
# status: the daemon, the accounts, the rules and the rules that match nothing; beside a daemon and without one.
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox
write_rules 0s
cat >>rules.d/10-rules.yaml <<-END
	---
	rule: never
	trigger:
	  event: property-changed
	  property: membership_tier
	  settle: 0s
	  filters:
	    - { property: country, in: [PL, DE, FR] }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec }
	---
	rule: asleep
	mode: off
	trigger: { event: property-changed, property: membership_tier }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec }
END
act option '{"name":"index_lag_ms","value":"0"}'

check 'no state yet: 3' status 3 "$program" status
check 'a first pass: 0' status 0 "$program" run --once
for contact in 101 102 103; do
	act set "{\"contact\":$contact,\"property\":\"country\",\"value\":\"US\"}"
	act set "{\"contact\":$contact,\"property\":\"membership_tier\",\"value\":\"Gold\"}"
done
check 'a second pass' sh -c "'$program' run --once 2>>log; [ \$? -lt 2 ]"
check 'without a daemon: 0' status 0 "$program" status
check 'says so' grep -q '^daemon  *not running$' out
check 'the table' grep -q '^table  *[0-9a-f]\{12\}, loaded 20' out
check 'the account' grep -q '^account  *hubspot: all changes up to 20.*Z are known, ' out
check 'a rule that fires' grep -q '^tier  *live  *20.*Z  *3  *3  20' out
check 'a rule that is off' grep -q '^asleep  *off  *-  *0 ' out
check 'a rule that matched nothing' grep -q '^never matched none of 3 events since 20' out
check 'what came closest' grep -q "^    closest: 3 events failed on country in \[PL, DE, FR\] (rules.d/10-rules.yaml:[0-9]*:7); commonest value seen 'US', 3 times$" out
: >log
start_daemon
check 'the daemon has the state' soon grep -q 'rules loaded' log
check 'it is ready: 0' status 0 "$program" status --ready
check 'and says so' grep -q '^ready$' out
check 'beside it: 0' status 0 "$program" status --json
check 'its pid' grep -q "^{\"kind\":\"daemon\",\"running\":true,\"pid\":$daemon,\"table\":\"" out
check 'the rule' grep -q '^{"kind":"rule","rule":"tier","mode":"live","active_since":"20[^"]*","events":3,"fired":3,' out
check 'the quiet one' grep -q '^{"kind":"quiet","rule":"never","since":"20.*"closest":{"test":"country in \[PL, DE, FR\]",.*"failed":3,"value":"US","times":3}}$' out

# ---- what is in the folder
check 'a folder that is not there: 0' status 0 "$program" status --rules rules.nowhere
check 'says so' grep -qx 'folder    rules.nowhere is not there, or cannot be read' out
mkdir rules.none
check 'one without a rule: 0' status 0 "$program" status --rules rules.none
check 'says that no reload takes it' grep -q '^folder    has no rule, which no reload takes' out
check 'as JSON' sh -c "'$program' status --rules rules.none --json | grep -q '\"folder\":\"empty\"'"
check 'the one of the daemon' status 0 "$program" status
check 'has the rules in force' grep -qx 'folder    has the rules in force' out

# ---- as somebody else
if [ "$(id -u)" -eq 0 ]; then # where the program was built is not for everybody
	chmod 711 "$work"
	cp "$program" anybodys
	mkdir -m 700 theirs
	for place in hs2cert.db theirs/hs2cert.db; do # the second one is in a folder like the unit's
		check "somebody else's daemon ($place): 3" status 3 setpriv --reuid=65534 --clear-groups ./anybodys status --ready --state "$place"
		check 'is not said to be none' grep -qx "hs2cert status: '$place.sock' is not for this user (Permission denied): run it as 'root'" err
		check 'nor is it reloaded: 3' status 3 setpriv --reuid=65534 --clear-groups ./anybodys reload --state "$place"
		check 'with the same words' grep -qx "hs2cert reload: '$place.sock' is not for this user (Permission denied): run it as 'root'" err
	done
fi

# ---- one that does not answer, and what is left of a rule that is gone
act fault '{"call":"send","fault":"cut-after","times":1}'
act set '{"contact":101,"property":"membership_tier","value":"Silver"}'
check 'a send that nobody knows of' soon state_is tier send-unknown 1
cp rules.d/10-rules.yaml rules.kept
sed -i 's/^rule: tier$/rule: other/' rules.d/10-rules.yaml
check 'its rule is gone: 0' status 0 "$program" reload
check 'status' status 0 "$program" status
check 'counts it all the same' grep -q '^(rules gone)  *-  *-  *-  *-  *-  *0  *0  *1$' out
check 'as JSON' sh -c "'$program' status --json | grep -qx '{\"kind\":\"gone\",\"held\":0,\"refused\":0,\"send_unknown\":1}'"
check 'elsewhere: 0' status 0 "$program" status --admin elsewhere.sock
check 'it runs, but not there' grep -q "^silent  *pid $daemon runs on 'hs2cert.db', but nobody listens at 'elsewhere.sock': --admin says where" out
check 'reload there: 3' status 3 "$program" reload --admin elsewhere.sock
check 'says so, too' grep -q "^hs2cert reload: pid $daemon runs on 'hs2cert.db', but nobody" err
kill -STOP "$daemon"
check 'one that hangs is not ready: 3' status 3 "$program" status --ready
check 'it is named' grep -q "^hs2cert status: pid $daemon runs, and does not answer at 'hs2cert.db.sock': " err
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null
check 'a socket that was left: 3' status 3 "$program" status --ready
check 'is told in our words' grep -qx "hs2cert status: no daemon: nobody listens at 'hs2cert.db.sock'" err

# ---- an account of which nobody knows whether it is restored
act fault '{"call":"search-credentials","fault":"status","status":"402","times":"1000"}'
: >log
start_daemon
check 'a daemon that cannot ask' soon grep -q 'nothing is issued until it is known .*reason="402 ' log
check 'is not ready: 1' status 1 "$program" status --ready
check 'and why' grep -q "^not ready: account 'certifier' is unsure: it issues nothing until its newest credentials can be read: 402 " out
check 'as JSON' sh -c "'$program' status --ready --json | grep -q '\"certifier\":\"unsure\".*\"reasons\":{\"certifier\":\"402 '"
check 'status' status 0 "$program" status
check 'says so, too' grep -q '^account  *certifier: unsure, .*402 ' out
check 'and doctor, from beside: 1' status 1 "$program" doctor --offline
check 'with what to do' grep -q "unsure .*account 'certifier' issues nothing until its newest credentials can be read: 402 .*docs/OPERATE.md" out
kill -TERM "$daemon"
wait "$daemon"
act set '{"contact":101,"property":"membership_tier","value":"Gold"}'
check 'a pass that owes: 1' status 1 "$program" run --once
check 'it has not issued it' state_is other planned 1
check 'what is owed' status 0 "$program" runs --state-is planned
check 'says why it waits' grep -q '(its account issues nothing until its newest credentials can be read: 402 ' out
check 'and why' status 0 "$program" why 101
check 'says so, too' grep -q 'planned.*its account issues nothing until its newest' out
act faults-clear '{}'

# ---- an account whose token is refused, and an endpoint that wants another token
: >log
export HS2CERT_ADMIN_TOKEN=the-endpoint-has-this-token
act fault '{"call":"search","fault":"status","status":"401","times":"1000"}'
start_daemon --admin 127.0.0.1:0
check 'a daemon whose token is refused' soon grep -q 'account stopped' log
HS2CERT_ADMIN=127.0.0.1:$(sed -n 's/.*admin endpoint at=.* port=//p' log)
export HS2CERT_ADMIN
check 'is not ready: 1' status 1 "$program" status --ready
check 'and why, and what helps' grep -q "^not ready: account 'hubspot' is stopped: its token is missing, was refused or lacks a scope .*'hs2cert reload'; .*'hs2cert connect'$" out
check 'status' status 0 "$program" status
check 'says so, too' grep -q "^stopped   hubspot: its token is missing, was refused or lacks a scope " out
export HS2CERT_ADMIN_TOKEN=somebody-gives-this-token
check 'with another token: 3' status 3 "$program" status --ready
check 'and why' grep -qx 'hs2cert status: the daemon answers 401: the token is missing, or it is another one' err
check 'status with it' status 0 "$program" status
check 'says why the daemon tells nothing' grep -q '^silent  *the daemon answers 401: the token is missing' out
unset HS2CERT_ADMIN HS2CERT_ADMIN_TOKEN
kill -TERM "$daemon"
wait "$daemon"
act faults-clear '{}'

# ---- an account that is restored
printf '1\n%020d\n' 999 >hs2cert.db.lock
cp rules.kept rules.d/10-rules.yaml
check 'a copy that was put back: 1' status 1 "$program" run --once
check 'status without a daemon: 0' status 0 "$program" status
check 'says so, and what to do' grep -q "^restored  *certifier issues nothing until 'hs2cert reconcile': an older copy" out
: >log
start_daemon
check 'a daemon' soon grep -q 'older than what was issued' log
check 'is not ready: 1' status 1 "$program" status --ready
check 'and what to do' grep -q "^not ready: account 'certifier' is restored: stop the daemon, run 'hs2cert reconcile'" out
conclude status
