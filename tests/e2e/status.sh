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
conclude status
