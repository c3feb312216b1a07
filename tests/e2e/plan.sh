#!/bin/sh
# plan: the edited rules against those in force, over the events on record.
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox
write_rules 0s
act option '{"name":"index_lag_ms","value":"0"}'
act option '{"name":"rate_limits","value":"false"}'
cat >rules.d/10-rules.yaml <<-END
	rule: tier
	trigger:
	  event: property-changed
	  property: membership_tier
	  to: [Silver, Gold]
	  settle: 0s
	  filters:
	    - { property: country, in: [PL, US] }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec, fields: { custom.tier: "{{ event.to }}" } }
	---
	rule: graduates
	trigger: { event: list-added, list: 4711, settle: 0s }
	action: { do: issue-credential, group: 01hsq6mmf8cw0v6zzh5p3a2k1d }
	END
plan() { "$program" plan "$@"; }
i=1000
while [ $i -lt 1012 ]; do
	act create "{\"id\":$i,\"email\":\"p$i@example.org\",\"firstname\":\"Ada\",\"country\":\"DE\",\"membership_tier\":\"Bronze\"}"
	i=$((i + 1))
done
act create '{"id":1012,"email":"p1012@example.org","country":"PL","membership_tier":"Bronze"}'
act create '{"id":1013,"email":"p1013@example.org","country":"US","membership_tier":"Bronze"}'
check 'no state yet: 3' status 3 plan
: >log
check 'a first pass: 0' status 0 "$program" run --once
check 'the same rules: 0' status 0 plan
check 'and says so' grep -q "the rules in 'rules.d' are those in force" out
i=1000
while [ $i -lt 1014 ]; do
	act set "{\"contact\":$i,\"property\":\"membership_tier\",\"value\":\"Gold\"}"
	i=$((i + 1))
done
check 'two are issued: 0' status 0 "$program" run --once
check 'by the ledger' state_is tier sent 2

cp rules.d/10-rules.yaml kept
sed -i 's/\[PL, US\]/[PL, DE]/' rules.d/10-rules.yaml
check 'a wider filter: 1' status 1 plan
check 'in people' grep -q '^tier  edited: +12 credentials, -1 credential$' out
check 'in words' sh -c "grep -q '^    - test country in \"PL\" \"US\"$' out && grep -q '^    + test country in \"DE\" \"PL\"$' out"
check 'names ten' [ "$(grep -c '^      [+-] 10' out)" -eq 10 ]
check 'and counts the rest' grep -q '^      and 3 more$' out
check 'as JSON: 1' status 1 plan --json
check 'one line for each' [ "$(grep -c '^{"rule":"tier","change":"gained"' out)" -eq 12 ]
check 'who is lost' grep -q '^{"rule":"tier","change":"lost","contact":"1013","email":"p1013@example.org"' out
check 'and one for each rule' grep -q '^{"rule":"tier","edit":"edited","activation":"kept","shadow":false,"gained":12,"lost":1,' out
check 'from a time that is none: 2' status 2 plan --since soon
check 'of no events' sh -c "'$program' plan --since 2099-01-01 | grep -q '^0 events compared'"

sed -e 's/{{ event.to }}/{{ event.to | upper }}/' kept >rules.d/10-rules.yaml
check 'other fields: 1' status 1 plan
check 'are named' sh -c "grep -q '^tier  edited: 2 change fields' out && grep -q 'other custom.tier' out"
sed -e 's/01g90279gp5sbmfek7wymcsvec/01hsq6mmf8cw0v6zzh5p3a2k1d/' kept >rules.d/10-rules.yaml
check 'another group: 1' status 1 plan
check 'is told' grep -q '^tier  edited: 2 change group' out
sed -e 's/property: country, in: .*]/property: city, is: Lodz/' kept >rules.d/10-rules.yaml
check 'a property that was not read: 1' status 1 plan
check 'cannot be told' grep -q '^tier  edited: 14 cannot be told$' out
check 'HubSpot can tell: 1' status 1 plan --live --since 1h
check 'that nobody lives there' grep -q '^tier  edited: -2 credentials$' out
act set '{"contact":1001,"property":"city","value":"Lodz"}'
act set '{"contact":1001,"property":"membership_tier","value":"Silver"}'
act join '{"contact":1001,"list":4711}'
check 'and who does: 1' status 1 plan --live --since 1h
check 'in people' sh -c "grep -q '^tier  edited: +1 credential, -2 credentials$' out && grep -q '^      + 1001 .*Silver$' out"
act fault '{"call":"search","fault":"status","status":401,"times":1}'
check 'HubSpot refuses: 3' status 3 plan --live
check 'and nothing is said' [ ! -s out ]
sed -e 's/list: 4711, settle: 0s }/list: 4711, settle: 0s, filters: [ { property: city, is: Rome } ] }/' kept >rules.d/10-rules.yaml
check 'who joined, by HubSpot: 1' status 1 plan --live --since 1h
check 'is lost' grep -q '^graduates  edited: -1 credential$' out
sed -e 's/property: membership_tier/property: level/' kept >rules.d/10-rules.yaml
check 'another trigger: 1' status 1 plan
check 'is activated anew' grep -q 'activated anew by the reload' out
sed -e 's/^rule: graduates/rule: alumni/' kept >rules.d/10-rules.yaml
check 'a rule by another name: 1' status 1 plan
check 'is one gone and one new' sh -c "grep -q '^graduates  removed$' out && grep -q '^    deactivated by the reload$' out && grep -q '^alumni  new$' out && grep -q '^    activated by the reload' out"
sed -e 's/^rule: tier/rule: tried\nmode: shadow/; s/, US//' kept | sed '/^---/,$d' | cat kept - | sed 's/^rule: tried/---\n&/' >rules.d/10-rules.yaml
check 'a new rule in shadow: 1' status 1 plan
check 'what it would have issued' grep -q '^tried  new, in shadow: +1 credential$' out
check 'beside what live rules did' grep -q '^      + 1012 .*Gold  (live: tier sent)$' out
check 'as JSON, too: 1' status 1 plan --json
check 'with the live ones' grep -q '"rule":"tried","change":"gained","contact":"1012".*"live":\[{"rule":"tier","state":"sent"}\]' out
echo 'rule: broken' >>rules.d/10-rules.yaml
check 'invalid rules: 3' status 3 plan
check 'with their mistakes' grep -q 'rules.d/10-rules.yaml:' err
conclude plan
