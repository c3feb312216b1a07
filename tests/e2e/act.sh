#!/bin/sh
# approve, retry, resend, drop: beside a running daemon, which goes on at once, and without one.
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox
write_rules 0s
# Polls are an hour apart: what goes on sooner was nudged.
sed -i 's/poll: 1s/poll: 1h/' rules.d/00-accounts.yaml
cat >rules.d/10-rules.yaml <<-END
	rule: tier
	trigger: { event: property-changed, property: membership_tier, settle: 0s }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec, fields: { custom.tier: "{{ event.to }}" } }
	brake: 1/h
	END
act option '{"name":"index_lag_ms","value":"0"}'

check 'nothing there yet: 3' status 3 "$program" approve --all
check 'a first pass: 0' status 0 "$program" run --once
check 'nothing to approve: 1' status 1 "$program" approve --all
check 'and says so' grep -q 'nothing to approve' err
act set '{"contact":101,"property":"membership_tier","value":"Gold"}'
check 'the first is issued: 0' status 0 "$program" run --once
act set '{"contact":102,"property":"membership_tier","value":"Gold"}'
check 'the second is held by the brake: 1' status 1 "$program" run --once
check 'which runs shows' sh -c "'$program' runs --hold brake --json | grep -q '\"state\":\"held\".*\"hold\":\"brake\"}'"
check 'one mail so far' [ "$(mails)" -eq 1 ]

check 'which? 2' status 2 "$program" approve
check 'ids and a selection: 2' status 2 "$program" approve 2 --all
check 'no id: 2' status 2 "$program" approve two
check 'no such kind: 2' status 2 "$program" retry --hold brak
check 'with a hint' grep -q "did you mean 'brake'" err
check 'no such state: 2' status 2 "$program" retry --state-is nosuch
check 'with those that there are' grep -q "unknown --state-is 'nosuch': one of planned, creating, .*, dropped$" err
check 'no such rule: 2' status 2 "$program" approve --rule teir
check 'with a hint' grep -q "there is no rule 'teir': did you mean 'tier'?" err
check 'named twice is once: 0' status 0 "$program" approve 2 2 --dry-run
check 'and counted so' grep -q '^1 would approve, 0 unchanged' err
check 'one is shown by its id alone: 2' status 2 "$program" runs show 2 --rule tier
check 'with how long it waits, also where it does not' sh -c "'$program' runs show 2 --json | grep -q ',\"until\":null,\"created\":'"
check 'no such issuance: 1' status 1 "$program" approve 99
check 'a dry run: 0' status 0 "$program" approve --all --dry-run
check 'says what it would do' grep -q '^2 *would approve .*held (brake) -> planned' out
check 'and does nothing' state_is tier held 1
check 'resend has nothing to do with it: 0' status 0 "$program" resend 2
check 'and says so' grep -q '^2 *unchanged ' out

start_daemon
check 'the daemon has the state' soon sh -c "[ -s hs2cert.db.lock ] && grep -q 'hs2cert started' log"
check 'approve beside it: 0' status 0 "$program" approve 2 --json
check 'as JSON' grep -q '^{"id":"2","act":"approve","result":"done","rule":"tier","contact":"102","state":"held","hold":"brake","to":"planned","planned_anew":false,"reason":null}$' out
check 'and it goes on at once' soon state_is tier sent 2
check 'twice changes nothing: 0' status 0 "$program" approve 2
check 'and says so' grep -q 'unchanged .*sent: there is nothing to do' out
check 'who did it' sh -c "'$program' runs show 2 | grep -q ' planned  *approve by '"
check 'who, as JSON' sh -c "'$program' runs show 2 --json | grep -q '\"note\":\"approve\",\"who\":\"[^\"]'"

check 'a mail is asked for again: 0' status 0 "$program" resend 1
check 'and is sent' soon sh -c "[ \$('$program' runs show 1 --json | grep -o '\"state\":\"sent\"' | wc -l) -eq 3 ]"
check 'once more' [ "$(mails)" -eq 3 ]
kill "$daemon"
wait "$daemon" 2>/dev/null
daemon=
check 'a mail is asked for again, without a daemon: 0' status 0 "$program" resend 1
check 'and given up: 0' status 0 "$program" drop 1
check 'what was sent before stays sent' grep -q '^1 *dropped .*issued -> sent: it was sent before$' out
check 'on record, too' state_is tier sent 2
check 'nothing is left to do' status 0 "$program" run --once
check 'nothing was mailed' [ "$(mails)" -eq 3 ]

act set '{"contact":103,"property":"membership_tier","value":"Gold"}'
check 'a third is held: 1' status 1 "$program" run --once
check 'retried without a daemon: 0' status 0 "$program" retry --rule tier
check 'to be planned anew' grep -q 'planned anew at the next look' out
check 'twice changes nothing' status 0 "$program" retry 3
check 'and says so' grep -q 'unchanged ' out
check 'the next pass issues it: 0' status 0 "$program" run --once
check 'sent' state_is tier sent 3
act set '{"contact":101,"property":"membership_tier","value":"Silver"}'
check 'a fourth is held: 1' status 1 "$program" run --once
check 'dropped: 0' status 0 "$program" drop --hold brake
check 'nothing is left: 0' status 0 "$program" run --once
check 'it is on record' state_is tier dropped 1
check 'nothing holds it any more: 1' status 1 "$program" runs --hold brake
check 'nothing was mailed twice' [ "$(mails)" -eq 4 ]
conclude act
