#!/bin/sh
# `doctor`: what is fine and what is not, of the accounts, the rules and the state, with what to do next.
docs=$(realpath "$(dirname "$0")/../../docs/OPERATE.md")
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox
act option '{"name":"rate_limits","value":"false"}'
act option '{"name":"index_lag_ms","value":"0"}'

# says LEVEL SUBJECT CHECK PATTERN: a line of what the last doctor printed.
says() {
	check "$1 $2 $3: $4" grep -qE "^$1 +$2 +$3 +.*$4" out
}
doctor() {	# WORDS STATUS [OPTION…]
	words=$1 want=$2
	shift 2
	check "$words: $want" status "$want" "$program" doctor "$@"
	check "$words: no secret is shown" sh -c '! grep -q secret-token out err'
}

# ---- nothing there yet -----------------------------------------------------------
check 'no rules folder: 3' status 3 "$program" doctor
check 'is told' grep -q "rules.d" err
write_rules 0s
sed -i 's,50/s,3/s,' rules.d/00-accounts.yaml
doctor 'before anything ran' 1
says warning rules lock "no hs2cert.lock.* -> run 'hs2cert pull', commit it"
says warning state open "there is no state 'hs2cert.db' yet -> 'hs2cert run' makes it"
says ok hubspot token 'accepted, portal 1234567'

# ---- all is fine ---------------------------------------------------------------------
"$program" pull >out 2>err
"$program" run --once 2>>log
doctor 'all is fine' 0
check 'a summary' grep -qE '^0 errors, 0 warnings, [0-9]+ fine$' out
says ok rules files 'rules.d: 2 files, 2 rules$'
says ok rules lock 'hs2cert.lock is as the accounts are$'
says ok hubspot scopes 'crm.objects.contacts.read, crm.lists.read, crm.schemas.contacts.read$'
says ok hubspot clock "as the account's$"
says ok hubspot limits '[0-9]+ of 250000 calls are left today$'
says ok hubspot names '25 properties, 2 lists$'
says ok certifier token 'accepted$'
says ok certifier names '5 groups, 7 attributes$'
says ok state daemon 'none is running$'
says ok state whole 'no fault in it$'
says ok state issuances 'none waits for a person$'
says ok state rules 'those of the folder are in force$'
says ok state disk 'free$'
says ok state access "its owner's only$"
lines=$(grep -c '^ok ' out)
doctor 'as JSON' 0 --json
check 'a line for each' [ "$(grep -c '^{"level":"ok","subject":"[a-z]*","check":"[a-z]*","text":".*","next":null}$' out)" -eq "$lines" ]
check 'and nothing else' [ "$(wc -l <out)" -eq "$lines" ]

# A rate that is too high is told from here on, and saves the test its time.
sed -i 's,3/s,50/s,' rules.d/00-accounts.yaml

# ---- tokens and scopes ----------------------------------------------------------------
act fault '{"call":"token-info","fault":"status","status":401,"times":1}'
doctor 'a wrong token' 1
says error hubspot token "401 the token is not accepted -> make a token"
says ok certifier names '5 groups, 7 attributes$'
check 'told as JSON' sh -c "'$program' doctor --json --state nowhere.db | grep -q '\"level\":\"warning\",\"subject\":\"state\",\"check\":\"open\"'"
act fault '{"call":"groups","fault":"status","status":401,"times":1}'
doctor 'the other one' 1
says error certifier token '401 the token is not accepted'
says ok hubspot names '25 properties, 2 lists$'
check 'a secret that is missing: 1' status 1 env -u HUBSPOT_TOKEN "$program" doctor
says error hubspot token "HUBSPOT_TOKEN.* -> give it to this command as 'hs2cert run' has it$"
act option '{"name":"no_lists_scope","value":"true"}'
doctor 'a scope is missing' 1
says error hubspot scopes "crm.lists.read is missing: rule 'graduates' needs it -> add it"
act option '{"name":"no_lists_scope","value":"false"}'

# ---- clocks and limits ------------------------------------------------------------------
act option '{"name":"date_ahead_ms","value":"90000"}'
doctor 'a clock that is wrong' 1
says warning hubspot clock "ours is about [0-9a-z]* behind the account's -> set this machine's clock"
act option '{"name":"date_ahead_ms","value":"900000"}'
doctor 'a clock that is quite wrong' 1
says error certifier clock "behind the account's"
act option '{"name":"date_ahead_ms","value":"0"}'
act option '{"name":"calls_per_day","value":"10"}'
doctor 'a day that is used up' 1
says error hubspot limits '0 of 10 calls are left today -> look at who else'
act option '{"name":"calls_per_day","value":"250000"}'

# ---- names ---------------------------------------------------------------------------------
act property '{"name":"membership_tier","label":"Tier of member","type":"enumeration","options":["Bronze=Bronze member","Silver=Silver member","Gold=Gold member"]}'
doctor 'a label that is another' 1
says warning rules lock "1 name has changed since the last pull -> 'hs2cert pull --check'"
act list-delete '{"list":4711}'
act property-delete '{"name":"membership_tier"}'
doctor 'a list and a property that are gone' 1
says error graduates names "list '4711' does not exist any more .*rules.d/10-rules.yaml:6:"
says error tier names "property 'membership_tier' does not exist any more .*rules.d/10-rules.yaml:2:"
says warning rules lock '2 names have changed'

# ---- accounts that cannot be reached ----------------------------------------------------------
cp -r rules.d kept
sed -i "s,$url/certifier/v1,http://127.0.0.1:1/v1," rules.d/00-accounts.yaml
doctor 'a service that is not there' 1
says error certifier answer 'no answer: .* -> look at the network'
says error graduates names "list '4711'"
rm -r rules.d && mv kept rules.d

# ---- the state ---------------------------------------------------------------------------------
sed -i '/^rule: tier/a mode: shadow' rules.d/10-rules.yaml
doctor 'other rules than those in force' 0 --offline
says ok state rules "those that were in force last are not the folder's -> 'hs2cert plan' shows"
check 'no account was asked' sh -c '! grep -q hubspot out'
sed -i '/^mode: shadow/d' rules.d/10-rules.yaml
: >log
start_daemon
soon grep -q 'rules loaded' log
doctor 'beside a daemon' 0 --offline
says ok state daemon "running, pid $daemon\$"
says ok state rules 'those of the folder are in force$'
sed -i 's/settle: 0s/settle: 1s/' rules.d/10-rules.yaml
doctor 'other rules than those in force' 1 --offline
says warning state rules "the daemon goes by others than the folder's -> .*'hs2cert reload' loads them$"
check "reload: 0" status 0 "$program" reload
soon sh -c "'$program' doctor --offline"
kill "$daemon"
wait "$daemon"
daemon=
chmod 644 hs2cert.db
doctor 'a state that others may read' 1 --offline
says warning state access 'others may read it.* -> chmod 600'
chmod 600 hs2cert.db
cp hs2cert.db whole.db
size=$(stat -c %s hs2cert.db)
dd if=/dev/urandom of=hs2cert.db bs=4096 seek=$((size / 4096 - 3)) count=1 conv=notrunc 2>/dev/null
doctor 'a state that is damaged' 1 --offline
says error state whole 'put a backup back: docs/OPERATE.md'
echo 'not a database at all, and long enough to be told from an empty file' >hs2cert.db
doctor 'a state that is none' 1 --offline
says error state open 'not a database: .*put a backup back'
cp whole.db hs2cert.db
if [ "$(id -u)" -eq 0 ]; then	# root may read all, and where the program was built is not for everybody
	chmod 711 "$work"
	cp "$program" anybodys
	chmod 644 hs2cert.db
	check "somebody else's state, which may be read: 3" status 3 setpriv --reuid=65534 --clear-groups ./anybodys runs
	check 'says whose it is' grep -q "'hs2cert.db' cannot be written (Permission denied), .*: run it as their owner, 'root'" err
	chmod 600 hs2cert.db
	mkdir -m 700 theirs	# as the unit's /var/lib/hs2cert is
	check "a state in somebody else's folder: 3" status 3 setpriv --reuid=65534 --clear-groups ./anybodys runs --state theirs/hs2cert.db
	check 'says whose that is' grep -q "'theirs/hs2cert.db' cannot be written (Permission denied), .*: run it as their owner, 'root'" err
	check "somebody else's state: 1" status 1 setpriv --reuid=65534 --clear-groups ./anybodys doctor --offline
else
	chmod 000 hs2cert.db
	doctor 'a state that may not be read' 1 --offline
fi
says error state open "cannot open state 'hs2cert.db': .*: run it as their owner.* -> nothing can be said of it as this user"
check 'and nothing is' [ "$(grep -c '^[a-z]* *state ' out)" -eq 1 ]
chmod 600 hs2cert.db

# ---- webhooks --------------------------------------------------------------------------------------
export HOOK_SECRET=hook-secret-token
hook() {	# URL
	sed -i "s|poll: 1s,.*base-url|poll: 1s, webhook: { public-url: \"$1\", secret: \"\${HOOK_SECRET}\" }, base-url|" rules.d/00-accounts.yaml
}
hook http://127.0.0.1:1/hubspot
doctor 'nobody at public-url' 1
says error hubspot webhook 'public-url is not https'
says warning hubspot webhook "nothing answers at public-url: .* -> start 'hs2cert run --listen'"
hook "$url/hubspot"
doctor 'somebody else at public-url' 1
says warning hubspot webhook 'somebody else answers at public-url: 40'
cp whole.db hs2cert.db
: >log
start_daemon --listen 127.0.0.1:0
soon grep -q 'rules loaded' log	# said after the address
hook "http://$(sed -n 's/.*listening for webhooks.* address=\([^ ]*\).*/\1/p' log)/elsewhere"
doctor 'our listener at another path' 1
says warning hubspot webhook 'a listener answers at public-url, but not for this account'
kill -HUP "$daemon"
soon sh -c "'$program' doctor | grep -q '^ok .*the listener answers at public-url'"
check 'a secret that is missing: 1' status 1 env -u HOOK_SECRET "$program" doctor
says error hubspot webhook 'HOOK_SECRET'
kill "$daemon"
wait "$daemon"
daemon=

# ---- wrong input ----------------------------------------------------------------------------------
check 'an operand: 2' status 2 "$program" doctor hubspot
echo 'rule: half' >rules.d/99.yaml
doctor 'rules that are not right' 1 --offline
says error rules files "the first at rules.d/99.yaml:1:.* -> run 'hs2cert validate'"
rm rules.d/*.yaml
doctor 'no rules at all' 1 --offline
conclude doctor
