#!/bin/sh
# why: what every rule made of a contact's events, also rules that did not fire; beside a daemon and without one.
. "$(dirname "$(realpath "$0")")/stage.inc"
LC_ALL=C.UTF-8
export LC_ALL
start_sandbox
write_rules 0s
cat >rules.d/10-rules.yaml <<-END
	rule: tier
	trigger:
	  event: property-changed
	  property: membership_tier
	  to: Gold
	  settle: 0s
	  filters:
	    - { property: country, in: [PL, DE, FR] }
	    - any:
	        - { property: city, is: Poznan }
	        - { property: lastname, known: true }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec, fields: { custom.tier: "{{ event.to }}" } }
	---
	rule: silver
	trigger: { event: property-changed, property: membership_tier, to: Silver, settle: 0s }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec }
	---
	rule: watched
	mode: shadow
	trigger: { event: property-changed, property: membership_tier, settle: 0s }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec }
END
act option '{"name":"index_lag_ms","value":"0"}'

check 'no state yet: 3' status 3 "$program" why 101
check 'a first pass: 0' status 0 "$program" run --once
check 'nothing on record: 1' status 1 "$program" why 999
check 'and which rules watch' grep -q 'tier watches property membership_tier of account hubspot since 20' out
check 'as JSON: 1' status 1 "$program" why 999 --json
check 'says the same' grep -q '^{"kind":"unknown","who":"999","table":"[0-9a-f]*","active":\[{"rule":"silver"' out

act set '{"contact":101,"property":"country","value":"PL"}'
act set '{"contact":102,"property":"country","value":"US"}'
act set '{"contact":101,"property":"membership_tier","value":"Gold"}'
act set '{"contact":102,"property":"membership_tier","value":"Gold"}'
check 'a second pass: 0' status 0 "$program" run --once

check 'why Ana: 0' status 0 "$program" why 101
check 'who she is' grep -q '^contact 101 of account hubspot, ana@example.org$' out
check 'what happened, by which table' grep -q '^└─ 20.*Z  membership_tier: Bronze → Gold  decided 20.*Z by table [0-9a-f]\{12\} (in force)$' out
check 'a test that held, with its place' grep -q '│  ├─ ✓ country in \[PL, DE, FR\]  .PL.  *rules.d/10-rules.yaml:8:7$' out
check 'a branch that did not' grep -q '│  │  ├─ ✗ city is Poznan  *empty  *rules.d/10-rules.yaml:10:11$' out
check 'the issuance and its trail' sh -c "grep -q 'issuance 1: sent  https' out && grep -q '└─ 20.*Z  sent$' out"
check 'what shadow would have done' grep -q 'issuance 2: shadow, live it would have been issued' out

check 'runs, too, what live rules did beside it: 0' status 0 "$program" runs --rule watched
check 'that one did' grep -q 'contact 101 .*(live: tier sent)$' out
check 'that none did' grep -q 'contact 102 .*(live: nothing)$' out
check 'as JSON' sh -c "'$program' runs --rule watched --contact 101 --json | grep -q '\"live\":\[{\"rule\":\"tier\",\"state\":\"sent\"}\]}\$'"

check 'why Ben not: 0' status 0 "$program" why BEN@example.org
check 'the nearest stands first' sh -c "grep ✗.*match: out | head -n 1 | grep -q '✗ tier  did not match: 1 test away, the nearest'"
check 'what was seen' grep -q '✗ country in \[PL, DE, FR\]  .US.  *rules.d/10-rules.yaml:8:7$' out
check 'what would have to be otherwise' grep -q 'to match: country in \[PL, DE, FR\] must hold' out
check 'a rule that could not match' grep -q '✗ to Silver  .Gold.  rules.d/10-rules.yaml:15:64$' out
check 'in plain letters' env LC_ALL=C sh -c "'$program' why 102 | grep -q '   |  |- x country in '"
check 'by rule: 0' status 0 "$program" why 102 --rule silver
check 'only that one' sh -c "grep -q '└─ ✗ silver' out && ! grep -q 'watched' out"
check 'a rule that there is not: 1' status 1 "$program" why 102 --rule gold
check 'says so' grep -q 'rule gold is not active' out
check 'JSON: 0' status 0 "$program" why 102 --json
check 'a test in it' grep -q '{"test":"country in \[PL, DE, FR\]","depth":0,"holds":false,"differs":true,"value":"US","note":null,"file":"rules.d/10-rules.yaml","line":8,"column":7}' out

# The rules are edited: what was decided is told by those of that time.
sed -i -e '1i # two lines' -e '1i # more' -e 's/\[PL, DE, FR\]/[PL, US]/' rules.d/10-rules.yaml
cat >>rules.d/10-rules.yaml <<-END
	---
	rule: late
	mode: shadow
	trigger: { event: property-changed, property: membership_tier, to: Gold, settle: 0s }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec }
	---
	rule: title
	mode: shadow
	trigger: { event: property-changed, property: jobtitle, settle: 1s }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec }
END
start_daemon
check 'the daemon has loaded them' soon grep -q 'rules loaded' log
check 'beside it: 0' status 0 "$program" why 102
check 'the table of that time' grep -q 'by table [0-9a-f]\{12\} (no longer in force)' out
check 'the place of that time' grep -q '✗ country in \[PL, DE, FR\]  .US.  *rules.d/10-rules.yaml:8:7$' out
act set '{"contact":102,"property":"membership_tier","value":"Bronze"}'
act set '{"contact":102,"property":"membership_tier","value":"Gold"}'
check 'by the new rules he earns it' soon state_is tier sent 2
check 'of each change: 0' status 0 "$program" why 102
check 'it is told once, whenever its rules were activated' [ "$(grep -c 'Bronze → Gold' out)" -eq 1 ]
check 'with all of them' sh -c "sed '1,/Bronze → Gold/d' out >last; grep -q 'late (shadow)  fired' last && grep -q 'watched (shadow)  fired' last"
check 'told by the new ones: 0' status 0 "$program" why 102 --rule tier
check 'at its new place' grep -q '✓ country in \[PL, US\]  *.US.  *rules.d/10-rules.yaml:10:7$' out

# What is told of a burst, of what was no event, and of how the news came.
says() {	# WHO WORDS…: whether why says that of somebody
	"$program" why "$1" >out && shift && grep -q "$@" out
}
act set '{"contact":103,"property":"jobtitle","value":"Chair"}'
act set '{"contact":103,"property":"jobtitle","value":""}'
act create '{"id":801,"email":"dora@example.org","jobtitle":"Chair"}'
act set '{"contact":801,"property":"jobtitle","value":"Treasurer"}'
act set '{"contact":801,"property":"jobtitle","value":"President"}'
check 'what was no event is found by the address' soon says dora@example.org 'no-event: the contact was created with this value'
check 'a value that came back' soon says 103 '(empty) → Chair → (empty) within settle 1s: no event$'
check 'each change, and why it did not count' sh -c "grep -q '│  ├─ [0-9:]*Z  Chair    passed over: it changed again .* later$' out && grep -q '│  └─ [0-9:]*Z  (empty)  changed back: the value of before$' out"
check 'how the news came' grep -q '├─ news: found by a poll .*Z' out
check 'and that it was none' grep -q '└─ no-event: the value came back to what it was$' out
check 'of several the last' soon says dora@example.org 'Chair → Treasurer → President within settle 1s: one event$'
check 'is the one that counts' grep -q 'President  the last one: it counts$' out
check 'as JSON' sh -c "'$program' why 801 --json | grep -q '\"settle\":\"1s\",\"changes\":\[{\"value\":\"Treasurer\",\"at\":\"20[^\"]*\",\"note\":\"passed over: .*\"news\":\[{\"by\":\"poll\",\"at\":\"20'"
check 'of a rule that did not watch it: 1' status 1 "$program" why 103 --rule tier
kill "$daemon"
wait "$daemon" 2>/dev/null
daemon=

check 'nothing is to be kept: 0' sh -c "'$program' run --once --trace-keep 0 2>>log; [ \$? -lt 2 ]"
check 'what is left is told: 0' status 0 "$program" why 102
check 'of no event that it was none' says 103 'no-event: the value came back'
check 'and not how it came about' sh -c "! grep -qE 'news|settle' out"
check 'what is left is told: 0' status 0 "$program" why 102
check 'decisions, without tests' sh -c "grep -q 'tier  no-match: country in \[PL, DE, FR\] does not hold (rules.d/10-rules.yaml:8)' out && ! grep -q 'to match' out"
check 'a size as well' sh -c "'$program' run --once --trace-keep 7d,20MB 2>>log; [ \$? -lt 2 ]"
check 'no such size: 2' status 2 "$program" run --once --trace-keep 7d,many
check 'no such time: 2' status 2 "$program" run --once --trace-keep soon
check 'issuances are kept 7 days at least: 2' status 2 "$program" run --once --issued-keep 6d
check 'no such time of issuances: 2' status 2 "$program" run --once --issued-keep soon
check 'issuances of a year' sh -c "'$program' run --once --issued-keep 365d 2>>log; [ \$? -lt 2 ]"
check 'nobody asked for: 2' status 2 "$program" why
check 'nor with blanks: 2' status 2 "$program" why ' '
check 'a name is none to ask by: 1' status 1 "$program" why Ana
check 'says so' grep -q "^nothing is on record of Ana: ask by the contact's id or its e-mail address$" out
conclude why
