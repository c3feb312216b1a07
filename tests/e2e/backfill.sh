#!/bin/sh
# backfill: who qualifies already; beside a daemon and without one, ended and run again.
. "$(dirname "$(realpath "$0")")/stage.inc"
LC_ALL=C
export LC_ALL
start_sandbox
write_rules 0s
act option '{"name":"index_lag_ms","value":"0"}'
act option '{"name":"rate_limits","value":"false"}'
cat >rules.d/10-rules.yaml <<-END
	rule: tier
	brake: 30/h
	trigger:
	  event: property-changed
	  property: membership_tier
	  to: Gold
	  settle: 0s
	  filters:
	    - { property: country, is: PL }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec, fields: { custom.tier: "{{ event.to }}" } }
	---
	rule: quiet
	mode: off
	trigger: { event: list-added, list: 4711 }
	action: { do: issue-credential, group: 01hsq6mmf8cw0v6zzh5p3a2k1d }
	END
i=1000
while [ $i -lt 1040 ]; do
	act create "{\"id\":$i,\"email\":\"p$i@example.org\",\"firstname\":\"Ada\",\"country\":\"PL\",\"membership_tier\":\"Gold\"}"
	i=$((i + 1))
done
act create '{"id":1040,"email":"ada@example.org","country":"DE","membership_tier":"Gold"}'
act create '{"id":1041,"country":"PL","membership_tier":"Gold"}'
backfill() { "$program" backfill tier "$@"; }

check 'which rule? 2' status 2 "$program" backfill
check 'no state yet: 3' status 3 backfill
check 'and what makes one' grep -q "there is no state 'hs2cert.db' yet: 'hs2cert run' makes it" err
: >log
check 'a first pass issues nothing: 0' status 0 "$program" run --once
check 'no such rule: 2' status 2 "$program" backfill teir
check 'with a hint' grep -q "there is no rule 'teir': did you mean 'tier'?" err
check 'nothing like a rule: 2' status 2 "$program" backfill nosuch
check 'with those that there are' grep -q "there is no rule 'nosuch': there are quiet, tier$" err
check 'a rule that is off: 3' status 3 "$program" backfill quiet
check 'and what to do' grep -q "rule 'quiet' is off: give it mode live or shadow" err

sed -i 's/country, is: PL/country, is: DE/' rules.d/10-rules.yaml
check 'an edit that is not loaded: 3' status 3 backfill
check 'and what to do' grep -q "not those in force: 'hs2cert plan' shows how they differ" err
sed -i 's/country, is: DE/country, is: PL/' rules.d/10-rules.yaml

check 'a preview: 0' status 0 backfill
check 'counts' grep -q '^tier: 42 in question$' out
check 'who would be issued' grep -q '^ *30  would be issued$' out
check 'who would be held' sh -c "grep -A1 '^ *10  would be held$' out | grep -q '^ *10  brake$'"
check 'who does not match, and where' sh -c "grep -A1 '^ *1  not matching$' out | grep -q '^ *1  country is PL  *rules.d/10-rules.yaml:9$'"
check 'who has no address' grep -q '^ *1  without a valid e-mail address' out
check 'names ten' [ "$(grep -c '^    10[0-9]*  *p10' out)" -eq 10 ]
check 'and the next step' grep -q "nothing is written yet: 'hs2cert backfill tier --yes' does it" out
check 'as JSON: 0' status 0 backfill --json
check 'one for each' [ "$(grep -c '^{"rule":"tier","contact":"10' out)" -eq 40 ]
check 'and a summary' grep -q '^{"summary":true,"rule":"tier","preview":true,"limited":false,"in_question":42,"issue":30,' out
check 'nothing was written' state_is tier planned 0

act fault '{"call":"search","fault":"status","status":401,"times":1}'
check 'HubSpot refuses: 3' status 3 backfill --yes
check 'and says so' grep -q 'account hubspot refuses its token.*: nothing is written' err
act fault '{"call":"read","fault":"cut-after","times":1}'
check 'a limit: 0' status 0 backfill --yes --limit 5
check 'says how it goes on' grep -q 'run it again to go on' out
check 'five are planned' state_is tier planned 5

act fault '{"call":"search","fault":"status","status":500,"times":1}'
script -qec "'$program' backfill tier" /dev/null >out 2>&1
check 'a bar on a terminal' grep -qF '] 4' out
check 'once there is something to show' sh -c "grep -q 'asking who is in question' out && ! grep -q '0 of 0' out"
check 'a line of the log takes its place' grep -q "$(printf '\033\\[K\r')20[^\\[]*.*warn" out

# Ended by a signal, and by no warning, over and over.
i=0
while [ $i -lt 12 ]; do
	"$program" backfill tier --yes --limit 2 >/dev/null 2>&1 &
	sleep "0.0$i"
	[ $((i % 2)) -eq 0 ] && kill -9 $! 2>/dev/null || kill -INT $! 2>/dev/null
	wait $! 2>/dev/null
	i=$((i + 1))
done

start_daemon
check 'the daemon has the state' soon sh -c "[ -s hs2cert.db.lock ] && grep -q 'hs2cert started' log"
check 'beside a daemon: 0' status 0 backfill --yes
check 'which issues at once' grep -q 'the daemon issues them now' out
check 'what the brake lets go' soon state_is tier sent 30
check 'the rest is held' state_is tier held 10
check 'again: 0' status 0 backfill --yes
check 'changes nothing' grep -q '^ *40  with one by this rule already, or decided' out
check 'approved: 0' status 0 "$program" approve --rule tier
check 'and sent' soon state_is tier sent 40
act set '{"contact":1040,"property":"membership_tier","value":"Silver"}'
act set '{"contact":1040,"property":"country","value":"PL"}'
act set '{"contact":1040,"property":"membership_tier","value":"Gold"}'
check 'a change is decided by the daemon; its hour is full' soon state_is tier held 1
check 'a backfill changes nothing: 0' status 0 backfill --yes
check 'also of it' grep -q '^ *41  with one by this rule already, or decided' out
check 'approved: 0' status 0 "$program" approve --rule tier
check 'and sent' soon state_is tier sent 41
check 'once' state_is tier sent 41
check 'one mail each' [ "$(mails)" -eq 41 ]
check 'the trail says who' sh -c "'$program' runs show 1 | grep -q ' planned  *backfill by '"
check 'why, too, and what was seen: 0' status 0 "$program" why p1000@example.org
check 'by whom' grep -q 'membership_tier: (empty) -> Gold  backfilled 20[^ ]* by [^ ]*, by table [0-9a-f]* (in force)$' out
check 'a test with its value and place' grep -q "+ country is PL  'PL' *rules.d/10-rules.yaml:9:7$" out
check 'why not, of who was passed over: 0' status 0 "$program" why 1041
check 'for want of an address' grep -q '+ tier  skipped: no valid e-mail address' out
check 'why not, and then: 0' status 0 "$program" why 1040
check 'a test in the way' grep -q "x country is PL  'DE' *rules.d/10-rules.yaml:9:7$" out
check 'as often as it was looked at anew: once' [ "$(grep -c backfilled out)" -eq 1 ]
check 'as JSON' sh -c "'$program' why 1041 --json | grep -q '\"rule\":\"tier\",\"decided\":\"20[^\"]*\",\"table\":\"[0-9a-f]*\",\"backfill\":\"'"
check 'the daemon decided two changes: 0' status 0 "$program" status --json
check 'a backfill decided none' grep -q '"rule":"tier".*"events":2,' out
kill "$daemon"
wait "$daemon" 2>/dev/null
daemon=
conclude backfill
