#!/bin/sh
# run --once and its exit status; usage and trouble of every command.
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox
act option '{"name":"rate_limits","value":"false"}'
write_rules 30m

check 'nothing to do: 0' status 0 "$program" run --once
act set '{"contact":101,"property":"membership_tier","value":"Gold"}'
act option '{"name":"index_lag_ms","value":"0"}'
check 'a burst that settles: 4' status 4 "$program" run --once
check 'and again: 4' status 4 "$program" run --once
mkdir away empty
mv rules.d/10-rules.yaml away
check 'accounts alone where rules are in force: 1' status 1 "$program" run --once
check 'with what, where and what to do' grep -q "^hs2cert run: no rule in 'rules.d', and 2 in force: .* write 'mode: off' in each" err
check 'an empty folder: 1' status 1 "$program" run --once --rules empty
check 'a new state takes it: 0' status 0 "$program" run --once --rules empty --state new.db
mv away/10-rules.yaml rules.d
check 'nothing was ended: the burst settles on: 4' status 4 "$program" run --once
check 'and none begins anew' sh -c "! grep -q 'activated' err"
sed -i 's/settle: 30m/settle: 0s/' rules.d/10-rules.yaml
check 'settled, issued: 0' status 0 "$program" run --once
check 'once' [ "$(mails)" -eq 1 ]
act fault '{"call":"send","fault":"cut-after","times":1}'
act set '{"contact":102,"property":"membership_tier","value":"Gold"}'
check 'a send that nobody knows of: 1' status 1 "$program" run --once
check 'is parked' state_is tier send-unknown 1
check 'and stays so: 1' status 1 "$program" run --once
check 'never mailed twice' [ "$(mails)" -eq 2 ]

check 'HubSpot says 401: 3' sh -c "
	curl -s -f -o /dev/null -X POST -H 'Content-Type: application/json' -d '{\"call\":\"hubspot\",\"fault\":\"status\",\"status\":401,\"times\":1}' $url/sandbox/fault
	'$program' run --once 2>err; [ \$? -eq 3 ] && grep -q 'account stopped' err"
check 'JSON logs are one object a line' sh -c "'$program' run --once --log-format json 2>err; [ \$(grep -cv '^{\"time\":\".*}\$' err) -eq 0 ] && [ -s err ]"
check 'a missing secret: 3' sh -c "HUBSPOT_TOKEN= '$program' run --once 2>err; [ \$? -eq 3 ] && grep -q HUBSPOT_TOKEN err"
sed -i "s|token: \"\${HUBSPOT_TOKEN}\"|token: \"file:$work/token\"|" rules.d/00-accounts.yaml
check 'a missing secret file: 3' status 3 "$program" run --once
echo hub-secret-token >token
check 'a secret from a file: 1, for what is parked' status 1 "$program" run --once
echo 'rule: [' >rules.d/20-broken.yaml
check 'broken rules at start: 1' status 1 "$program" run --once
check 'JSON logs are so here, too: 1' status 1 "$program" run --once --log-format json
check 'a line for each that is wrong' sh -c "[ \$(grep -cv '^{\"time\":\".*}\$' err) -eq 0 ] && grep -q '\"level\":\"error\",\"fact\":\"wrong in the rules\",\"file\":\"rules.d/20-broken.yaml\",\"line\":\"[0-9]*\",\"column\":\"[0-9]*\",\"code\":\"' err"
check 'a folder that is not there: 3' status 3 "$program" run --once --log-format json --rules nowhere
check 'is a line, too' grep -q '^{"time":"[^"]*","level":"error","fact":"could not run","reason":"[^"]*nowhere' err
check 'validate: 1' status 1 "$program" validate
check 'validate as JSON: 1' status 1 "$program" validate --json
check 'is one object' sh -c "[ \$(wc -l <out) -eq 1 ] && grep -q '\"errors\":1,\"warnings\":0}' out"
rm rules.d/20-broken.yaml
check 'validate: 0' status 0 "$program" validate
check 'validate of one file: 0' status 0 "$program" validate rules.d/10-rules.yaml --format=text
check 'validate of a path that is not there: 3' status 3 "$program" validate nowhere
check 'run on a folder that is not there: 3' status 3 "$program" run --rules nowhere
check 'runs without a state: 3' status 3 "$program" runs --state nowhere.db
check 'a state that is none: 3' sh -c "echo junk >junk.db; for i in 1 2 3 4 5 6 7 8 9; do cat junk.db junk.db >j; mv j junk.db; done; '$program' runs --state junk.db 2>err; [ \$? -eq 3 ]"
check 'PostgreSQL is not there yet: 3' status 3 "$program" run --once --state postgresql://x/y
check 'no command: 2' status 2 "$program"
check 'an unknown command: 2' status 2 "$program" runn
check 'with a hint' grep -q "did you mean 'run'" err
check 'an unknown option: 2' status 2 "$program" run --onec
check 'with a hint' grep -q "did you mean '--once'" err
check 'an option without its value: 2' status 2 "$program" run --rules
check 'a wrong zone: 2' status 2 "$program" run --once --timezone Mars/Olympus
check 'a wrong level: 2' status 2 "$program" run --once --log-level lots
check 'an operand too many: 2' status 2 "$program" run now
check 'help: 0' status 0 "$program" --help
for command in $("$program" --help | sed -n 's/^    hs2cert \([a-z]*\) .*/\1/p'); do
	check "help of $command: 0" status 0 "$program" "$command" --help
done
check 'version: 0' status 0 "$program" version --json
conclude once
