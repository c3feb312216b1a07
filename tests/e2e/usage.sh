#!/bin/sh
# What the command line takes, what it refuses with which words and status, and how it prints what it found.
. "$(dirname "$(realpath "$0")")/stage.inc"

# refused STATUS WORDS COMMAND…: it ends so, and says so on stderr, and nothing on stdout.
refused() {
	want=$1 words_wanted=$2
	shift 2
	status "$want" "$program" "$@" && [ ! -s out ] && grep -qF -- "$words_wanted" err ||
		{ cat out err; return 1; }
}

# says WORDS COMMAND…: it ends with 0 and prints them.
says() {
	words_wanted=$1
	shift
	status 0 "$program" "$@" && grep -qF -- "$words_wanted" out || { cat out err; return 1; }
}

check 'no command' refused 2 'usage: hs2cert COMMAND'
check 'an unknown command that is like none' refused 2 "unknown command 'xyzzy'" xyzzy
check 'help as a word' says 'usage: hs2cert COMMAND' help
check 'help as a letter' says 'usage: hs2cert COMMAND' -h
check 'help of a command as a letter' says 'usage: hs2cert runs' runs -h
check 'version' says 'hs2cert ' version
check 'version as an option' says 'hs2cert ' --version
check 'a flag with a value' refused 2 '--json takes no value' version --json=yes
check 'an option given twice' refused 2 '--limit is given twice' runs --limit 1 --limit=2
check 'an option without its value' refused 2 '--limit needs a value: N' runs --limit
check 'an option that is like none' refused 2 "unknown option '--xyzzyx'" runs --xyzzyx
check 'a short option' refused 2 "unknown option '-v'" version -v
check 'after -- everything is an operand' refused 2 "too many operands: '--json'" version -- --json
check 'a single dash is an operand' refused 2 "too many operands: '-'" version -
# shellcheck disable=SC2046
check 'operands without end' refused 2 'more than 1024 operands' validate $(seq 1025)
check 'control characters are shown, not obeyed' refused 2 "unknown option '-\\x1b[2J'" version "$(printf '\055\033[2J')"
check 'a word that is none of several' refused 2 "unknown --format 'xyzzyx': one of text, json, sarif, github" validate --format xyzzyx
check 'a word that is nearly one' refused 2 "did you mean 'json'?" validate --format jso
check 'a log format' refused 2 "unknown --log-format 'xml'" run --log-format xml

# ---- validate ------------------------------------------------------------------

mkdir rules.d other
check 'a folder without rule files' status 1 "$program" validate
check 'is an error with its name' grep -qF "no rule files in 'rules.d' [no-rules]" out
check 'a folder named by the environment' sh -c "HS2CERT_RULES=other '$program' validate | grep -qF \"no rule files in 'other'\""
check 'an empty variable is none' sh -c "HS2CERT_RULES= '$program' validate | grep -qF \"no rule files in 'rules.d'\""
check 'an operand without rule files' sh -c "'$program' validate other | grep -qF \"no rule files in 'other'\""
check 'a second path that is not there' refused 3 "nowhere" validate other nowhere
i=0
while [ $i -lt 700 ]; do
	echo "rule: Wrong_Name_$i" && echo ---
	i=$((i + 1))
done >other/many.yaml
check 'more findings than anybody reads' sh -c "'$program' validate other | grep -qE '^[0-9]+ more not shown$'"
check 'a full disk is no success' sh -c "'$program' validate other >/dev/full 2>err; [ \$? -eq 3 ] && grep -q 'cannot write: ' err"
check 'nor is it for a short answer' sh -c "'$program' version >/dev/full 2>err; [ \$? -eq 3 ] && grep -q 'cannot write: No space' err"
cat >other/many.yaml <<-END
	rule: braces
	trigger: { event: property-changed, property: tier }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec, fields: { custom.tier: "{ event.to }" } }
END
check 'a warning is no finding' env HUBSPOT_TOKEN=x CERTIFIER_TOKEN=x "$program" validate other -- >out
check 'it is one where it is denied' status 1 "$program" validate other --deny-warnings
check 'in the singular' grep -qxF '1 file, 1 rule: 0 errors, 1 warning' out
check 'colours on a terminal' sh -c "script -qec \"'$program' validate other\" /dev/null | grep -q \"\$(printf '\\033\\[')\""
check 'none with NO_COLOR' sh -c "NO_COLOR=1 script -qec \"'$program' validate other\" /dev/null >out; grep -q warning: out && ! grep -q \"\$(printf '\\033\\[')\" out"
check 'an empty NO_COLOR is none' sh -c "NO_COLOR= script -qec \"'$program' validate other\" /dev/null | grep -q \"\$(printf '\\033\\[')\""

# ---- runs ----------------------------------------------------------------------

check 'runs needs a state' refused 3 'nowhere.db' runs --state nowhere.db
check 'runs takes only show' refused 2 "unknown operand 'list'" runs list 1
check 'show needs an id' refused 2 "'show' takes the id" runs show

start_sandbox
write_rules 0s
cat >>rules.d/10-rules.yaml <<-END
	---
	rule: cleared
	mode: shadow
	trigger: { event: property-changed, property: membership_tier, to: "", settle: 0s }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec }
	---
	rule: needs
	trigger: { event: property-changed, property: member_number, settle: 0s }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec, fields: { custom.topics: "{{ contact.trainer_topics | required }}" } }
END
act option '{"name":"index_lag_ms","value":"0"}'
check 'a first pass' status 0 "$program" run --once
check 'nothing yet' refused 1 'no issuance yet' runs
act set '{"contact":101,"property":"membership_tier","value":"Gold"}'
act set '{"contact":104,"property":"membership_tier","value":"Gold"}'
act set '{"contact":102,"property":"membership_tier","value":""}'
act set '{"contact":101,"property":"member_number","value":"7"}'
act join '{"list":4711,"contact":103}'
check 'something is held: 1' status 1 "$program" run --once

check 'text: a change' says 'membership_tier: Bronze -> Gold' runs --rule tier --contact 101
check 'text: the empty value' says 'membership_tier: Silver -> ' runs --rule cleared
check 'text: a join' says 'joined 4711' runs --rule graduates
check 'text: a reason' says 'contact.trainer_topics is required and empty)' runs --rule needs
check 'nobody has no address' says '"email":null' runs --rule tier --contact 104 --json
check 'a list has neither from nor to' says '"list":"4711","from":null,"to":null' runs --rule graduates --json
check 'newest first, and no more than asked for' sh -c "[ \$('$program' runs --limit 2 | grep -c .) -ge 2 ] && [ \$('$program' runs --json --limit 2 | wc -l) -eq 2 ]"
check 'since: a span' status 0 "$program" runs --since 1d
check 'since: a day' status 0 "$program" runs --since 2020-01-31
check 'since: nothing so late' refused 1 'no issuance is like that' runs --since 2199-01-01T00:00:00Z
check 'since: neither' refused 2 '--since takes a duration' runs --since yesterday
for filter in --rule --contact; do
	check "nothing with $filter" refused 1 'no issuance is like that' runs $filter xyzzy
done
check 'nothing in a state' refused 1 'no issuance is like that' runs --state-is refused
check 'a state that is like none' refused 2 "unknown --state-is 'xyzzyxyzzy'" runs --state-is xyzzyxyzzy
check 'a state that is nearly one' refused 2 "did you mean 'sent'?" runs --state-is snet
for number in 0 -1 x 1x '' 99999999999999999999; do
	check "no number: '$number'" refused 2 '--limit takes a whole number from 1 to' runs --limit "$number"
done
check 'a state that says nothing has no colour, one that does has' sh -c "script -qec \"'$program' runs\" /dev/null | grep -q \"\$(printf '\\033\\[32m')sent\""
for rule in tier cleared needs graduates; do
	id=$("$program" runs --json --rule $rule --limit 1 | sed 's/{"id":"\([0-9]*\)".*/\1/')
	check "show of $rule" says 'trail' runs show "$id"
	check "show of $rule as one object" sh -c "'$program' runs show $id --json >out && [ \$(wc -l <out) -eq 1 ] && grep -qE '\"rule\":\"$rule\".*\"trail\":\[\{\"at\":.*\}\]\}\$' out"
done
check 'show of nothing' refused 1 "there is no issuance '99'" runs show 99
check 'show of no number' refused 1 "there is no issuance '1x'" runs show 1x
conclude usage
