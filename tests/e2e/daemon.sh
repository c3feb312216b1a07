#!/bin/sh
# The daemon on real sockets and files: from a change to a credential, reload, signals, a second daemon.
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox
write_rules 0s

check 'a first pass activates the rules' status 0 "$program" run --once
start_daemon
check 'the daemon loads its rules' soon grep -q 'rules loaded' log
check 'a second daemon on the same state is refused' status 3 "$program" run --once
check 'and names the first one' grep -q "pid $daemon" err
act set '{"contact":101,"property":"membership_tier","value":"Gold"}'
act join '{"list":4711,"contact":103}'
check 'a change becomes a credential' soon state_is tier sent 1
check 'a join becomes a credential' soon state_is graduates sent 1
check 'each mailed once' [ "$(mails)" -eq 2 ]
check 'runs shows the row of the contract' sh -c "'$program' runs --json --rule tier | grep -qE '^\{\"id\":\"[0-9]+\",\"rule\":\"tier\",\"account\":\"hubspot\",\"contact\":\"101\",\"email\":\"ana@example.org\",\"event\":\"property-changed\".*\"from\":\"Bronze\",\"to\":\"Gold\",\"at\":\"[0-9T:.-]+Z\",\"state\":\"sent\",\"reason\":null,\"credential\":\"[a-z0-9]{26}\",\"public_url\":\"https://'"
check 'runs finds by address' status 0 "$program" runs --contact ANA@example.org
check 'runs finds nobody' status 1 "$program" runs --contact nobody@example.org
check 'runs shows one' status 0 "$program" runs show 1
check 'with its trail' sh -c "grep -q creating out && grep -q sent out"
check 'runs refuses a state that there is none of' status 2 "$program" runs --state-is snet

cp rules.d/10-rules.yaml good
sed -i 's/event: list-added/event: list-adde/' rules.d/10-rules.yaml
kill -HUP "$daemon"
check 'a broken file is refused' soon grep -q 'reload refused' log
check 'with its place and a hint' grep -q "10-rules.yaml:6:19: error: .*list-adde" log
act set '{"contact":102,"property":"membership_tier","value":"Bronze"}'
check 'the rules in force stay' soon state_is tier sent 2
cp good rules.d/10-rules.yaml
echo '# edited' >>rules.d/10-rules.yaml
loaded=$(grep -c 'rules loaded' log)
kill -HUP "$daemon"
check 'a good file is loaded' soon sh -c "[ \$(grep -c 'rules loaded' log) -gt $loaded ]"
check 'an edit that says nothing new is the same table' [ "$(grep 'rules loaded' log | sed 's/.*table=//' | sort -u | wc -l)" -eq 1 ]

kill -TERM "$daemon"
check 'SIGTERM ends it with 0' wait "$daemon"
daemon=
check 'and says so' grep -q ' stopped' log
check 'nothing is left to do' status 0 "$program" run --once
check 'no token in the log' sh -c "! grep -q 'secret-token' log"
check 'no address in the log' sh -c "! grep -q 'example.org' log"
check 'state is for its owner only' [ "$(stat -c %a hs2cert.db)" = 600 ]
conclude daemon
