#!/bin/sh
# `forget`: nothing of a person is left in the files, nothing is issued a second time, and life goes on.
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox
act option '{"name":"index_lag_ms","value":"0"}'
act option '{"name":"rate_limits","value":"false"}'
write_rules 0s
sed -i -e 's/^rule: tier$/&\nrepeat: once-per-value/' -e 's/custom.tier: "{{ event.to }}"/&, custom.company: "{{ contact.company }}"/' rules.d/10-rules.yaml
act attribute '{"tag":"company"}'

# person ID: whose name, address and company occur nowhere else.
person() {
	act create "{\"id\":$1,\"email\":\"qxz$1@zyx.example.org\",\"firstname\":\"Wvutsr$1\",\"lastname\":\"Qponmlk$1\",\"company\":\"Jihgfed$1\",\"membership_tier\":\"Bronze\"}"
}
tier() {	# ID VALUE
	act set "{\"contact\":$1,\"property\":\"membership_tier\",\"value\":\"$2\"}"
}
once() {
	"$program" run --once 2>>log
}
# traces ID: in how many of the state's files anything of the person is found.
traces() {
	cat hs2cert.db hs2cert.db-wal hs2cert.db-shm hs2cert.db.lock 2>/dev/null | grep -aciE "qxz$1@|Wvutsr$1|Qponmlk$1|Jihgfed$1"
}
traced() {
	[ "$(traces "$1")" -gt 0 ]
}
sent() {	# ID COUNT
	[ "$("$program" runs --json --contact "$1" --state-is sent | wc -l)" -eq "$2" ]
}

person 2001
person 2002
person 2003
once
person 2009	# with a value from the start: of no event, and found by the address all the same
tier 2001 Gold
tier 2002 Gold
act join '{"list":4711,"contact":2001}'
once
check 'three were sent' sh -c "[ \$('$program' runs --json --state-is sent | wc -l) -eq 3 ]"
check 'the state knows them' traced 2001

# ---- what it would do, and wrong input -------------------------------------------------
check 'a dry run: 0' status 0 "$program" forget qxz2001@zyx.example.org --dry-run
check 'says what it would erase' grep -q '^would erase 2 issuances, [0-9]* events, [0-9]* decisions, 0 orphans$' out
check 'and erases nothing' traced 2001
check 'nobody: 1' status 1 "$program" forget nobody@example.org
check 'is told' grep -q 'nobody like that is on record' err
check 'another account: 1' status 1 "$program" forget 2001 --account elsewhere
check 'no operand: 2' status 2 "$program" forget
check 'no state: 3' status 3 "$program" forget 2001 --state none.db

# ---- a person is forgotten -----------------------------------------------------------------
check 'forgotten: 0' status 0 "$program" forget qxz2001@zyx.example.org
check 'told, with the id' grep -qx 'contact 2001 of hubspot' out
check 'and what' grep -q '^erased 2 issuances, ' out
check 'nothing is left in the files' [ "$(traces 2001)" -eq 0 ]
check 'of others it is' traced 2002
check 'who had no event is known' traced 2009
check 'and forgotten by the address: 0' status 0 "$program" forget qxz2009@zyx.example.org
check 'nothing is left of them' [ "$(traces 2009)" -eq 0 ]
check 'the issuances are there' sent 2001 2
check 'without the address' sh -c "[ \$('$program' runs --json --contact 2001 | grep -c '\"email\":\(null\|\"\"\)') -eq 2 ]"
check 'with who did it' sh -c "'$program' runs show \$('$program' runs --json --contact 2001 | sed -n '1s/{\"id\":\"\([0-9]*\)\".*/\1/p') | grep -q forgotten"
check 'by the address nobody is found: 1' status 1 "$program" forget qxz2001@zyx.example.org
check 'again by id: 0' status 0 "$program" forget 2001 --json
check 'changes nothing' grep -q '"result":"done","issuances":0,"dropped":0,"events":0,' out
check 'the state is whole' sh -c "'$program' doctor --offline | grep -q '^ok .*no fault in it'"

# ---- nothing comes a second time, and what is new comes ---------------------------------------
act set '{"contact":2001,"property":"jobtitle","value":"looked at again"}'
once
check 'what was, is not issued again' sent 2001 2
tier 2001 Silver
once
check 'what is new, is' sent 2001 3
tier 2001 Gold
once
check 'a value that it had, is not: once-per-value' sent 2001 3
check 'four mails left in all' [ "$(mails)" -eq 4 ]

# ---- midway ----------------------------------------------------------------------------------
act fault '{"call":"create","fault":"status","status":401,"times":9}'
tier 2003 Gold
once
act faults-clear '{}'
check 'planned: 1' status 1 "$program" forget 2003
check 'says what to do' grep -qE "^issuance [0-9]+ of tier is planned: wait until it is done, or 'hs2cert drop [0-9]+' first$" out
check 'and changed nothing' traced 2003
id=$(sed -n 's/^issuance \([0-9]*\) of.*/\1/p' out)
check 'the same as JSON: 1' status 1 "$program" forget 2003 --json
check 'with the issuance' grep -q "\"result\":\"midway\",.*\"midway\":\[\"$id\"\]" out
"$program" drop "$id" >out 2>err
check 'dropped, it can be forgotten: 0' status 0 "$program" forget 2003
check 'and is gone' [ "$(traces 2003)" -eq 0 ]

# ---- beside a daemon ---------------------------------------------------------------------------
: >log
start_daemon
soon grep -q 'rules loaded' log
check 'beside a daemon: 0' status 0 "$program" forget 2002
check 'nothing is left either' [ "$(traces 2002)" -eq 0 ]
person 2004
soon sh -c "curl -s '$url/sandbox/state' | grep -q 2004"
tier 2004 Gold
check 'the daemon goes on' soon sent 2004 1
check 'and sent nobody anything twice' sent 2002 1
person 2005
person 2006
tier 2005 Gold
check 'of two who become one' soon sent 2005 1
act merge '{"primary":2005,"other":2006}'
check 'what one got is found by the other id, too' soon sent 2006 1
kill "$daemon"
wait "$daemon"
daemon=
# ---- beside somebody who reads `runs` in a pager: more rows than a pipe holds
cat >>rules.d/10-rules.yaml <<-END
	---
	rule: firm
	mode: shadow
	trigger: { event: property-changed, property: company, settle: 0s }
	action: { do: issue-credential, group: 01hsq6mmf8cw0v6zzh5p3a2k1d }
END
once
for letter in a b c d e; do
	act set "{\"contact\":2003,\"property\":\"company\",\"value\":\"$(head -c 30000 /dev/zero | tr '\0' $letter)\"}"
	once
done
mkfifo pager
"$program" runs --json >pager &
reader=$!
exec 3<pager
check 'rows come' sh -c 'head -c 1000 <&3 | grep -q firm'
check 'who is forgotten meanwhile leaves no trace: 0' status 0 "$program" forget 2003
exec 3<&-
wait "$reader"

conclude forget
