#!/bin/sh
# Nothing personal and no secret in what the daemon says by itself: every personal field and every token holds a word that
# occurs nowhere else, the daemon goes good and bad ways at its most talkative, and the word is looked for.
. "$(dirname "$(realpath "$0")")/stage.inc"
canary=zqcanary
export HUBSPOT_TOKEN=$canary-hub-token-0123456789 CERTIFIER_TOKEN=$canary-cert-token-0123456789 HOOK_SECRET=$canary-hook-secret
proxy=
end() {
	[ -z "$proxy" ] || kill "$proxy" 2>/dev/null
	finish
}
trap end EXIT

# Everything that must not tell; each is looked at under its name.
told=
tells_nothing() { # FILE…
	for file; do
		told="$told $file"
		[ -s "$file" ] || { echo "$file: nobody said anything"; return 1; }
		! grep -inE "$canary|zqc\*" "$file" || return 1
	done
}

# A service that refuses everything, and repeats all that it was told in its refusal: head and body.
cat >echo.pl <<'END'
use Socket;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
bind($s, sockaddr_in(0, INADDR_LOOPBACK)) or die;
listen($s, 16) or die;
$| = 1;
print((sockaddr_in(getsockname($s)))[0], "\n");
my @status = ("400 Bad Request", "404 Not Found", "422 Unprocessable Entity", "409 Conflict", "402 Payment Required");
for (my $n = 0; accept(my $c, $s); $n++) {
	my $in = "";
	while (sysread($c, my $part, 65536)) {
		$in .= $part;
		my ($head, $body) = split(/\r\n\r\n/, $in, 2);
		last if defined $body && length $body >= ($head =~ /content-length: *(\d+)/i ? $1 : 0);
	}
	(my $said = $in) =~ s/[\r\n]+/ /g;
	$said =~ s/(["\\])/\\$1/g;
	my $out = "{\"error\":{\"code\":\"said\",\"message\":\"no: $said\"},\"message\":\"no: $said\",\"category\":\"VALIDATION_ERROR\"}";
	syswrite($c, "HTTP/1.1 $status[$n % @status]\r\nContent-Type: application/json\r\nContent-Length: " . length($out) . "\r\nConnection: close\r\n\r\n$out");
	close($c);
}
END
perl echo.pl >port &
proxy=$!
check 'a service that repeats what it was told' soon test -s port
echo_url=http://127.0.0.1:$(cat port)

start_sandbox
write_rules 0s
sed -i "s|poll: 1s,|poll: 1s, creation-window: 0s, webhook: { public-url: \"https://hooks.example.org/hubspot\", secret: \"\${HOOK_SECRET}\" },|" rules.d/00-accounts.yaml
cat >>rules.d/10-rules.yaml <<-END
	---
	rule: words
	trigger: { event: property-changed, property: nickname, settle: 0s, filters: [ { property: nickname, matches: "^(a+)+\$|z" } ] }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec, fields: { recipient.name: "{{ contact.nickname }}" } }
	---
	rule: dates
	trigger: { event: property-changed, property: nickname, settle: 0s }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec, fields: { expiry-date: "{{ contact.nickname | date('YYYY-MM-DD') }}" } }
	---
	rule: needs
	trigger: { event: property-changed, property: nickname, settle: 0s }
	missing-email: hold 30d
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec, fields: { custom.tier: "{{ contact.absent_word | required }}" } }
	---
	rule: shadow
	mode: shadow
	trigger: { event: property-changed, property: nickname, settle: 0s }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec, fields: { recipient.email: "{{ contact.nickname }}" } }
END
act option '{"name":"index_lag_ms","value":"0"}'
act option '{"name":"rate_limits","value":"false"}'
act property '{"name":"nickname"}'
act property '{"name":"absent_word"}'
person() { # ID ADDRESS
	act create "{\"id\":$1,\"email\":\"$2\",\"firstname\":\"${canary}First\",\"lastname\":\"${canary}Last\",\"phone\":\"${canary}Phone\",\"company\":\"${canary}Company\",\"country\":\"PL\"}"
}
for id in 9001 9002 9003 9004; do
	person $id "$canary.$id@example.org"
done
person 9005 "$canary at nowhere"
check 'the rules are valid' status 0 "$program" validate

# ---- one life at its most talkative, and one as it is by default, in JSON ---------------

check 'a first pass' status 0 "$program" run --once --log-level debug
cp err first.log
changes() { # ID NICKNAME TIER
	act set "{\"contact\":$1,\"property\":\"nickname\",\"value\":\"$2\"}"
	act set "{\"contact\":$1,\"property\":\"membership_tier\",\"value\":\"$3\"}"
}
start_daemon --log-level debug --listen 127.0.0.1:0
check 'the daemon listens' soon grep -q 'listening for webhooks' log
changes 9001 "${canary}Nick" Gold
check 'a good way' soon state_is tier sent 1
check 'a value that is no date: held' soon state_is dates held 1
check 'what is required: held' soon state_is needs held 1
changes 9005 "$canary aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" Silver
check 'no address: skipped' soon state_is tier skipped 1
for fault in garbage empty cut-after status-after timeout-before; do
	act fault "{\"call\":\"create\",\"fault\":\"$fault\",\"status\":500,\"times\":1}"
	act fault "{\"call\":\"batch-read\",\"fault\":\"$fault\",\"status\":500,\"times\":1}" >/dev/null
done
act join '{"list":4711,"contact":9002}'
act fault '{"call":"send","fault":"cut-after","times":1}'
changes 9003 "${canary}Other" Gold
check 'a send whose answer is lost' soon sh -c "[ \$('$program' runs --state-is send-unknown --json | wc -l) -ge 1 ]"
act merge '{"primary":9001,"other":9002}'
act delete '{"contact":9003}'
address=$(sed -n 's/.*listening for webhooks.* address=\([^ ]*\).*/\1/p' log)
body="[{\"portalId\":1234567,\"objectId\":9004,\"subscriptionType\":\"contact.propertyChange\",\"propertyName\":\"email\",\"propertyValue\":\"$canary@example.org\"}]"
hook() { # SIGNATURE BODY
	curl -s -o answer -X POST -H "X-HubSpot-Signature-v3: $1" -H "X-HubSpot-Request-Timestamp: $at" --data-binary "$2" "http://$address/hubspot?$canary"
}
at=$(date +%s%3N)
hook "$canary" "$body"
hook "$(printf '%s' "POSThttps://hooks.example.org/hubspot?$canary$body$at" | openssl dgst -sha256 -hmac "$HOOK_SECRET" -binary | base64)" "$body"
curl -s -o answer --unix-socket hs2cert.db.sock "http://localhost/$canary"
check 'metrics' status 0 curl -s -f --unix-socket hs2cert.db.sock http://localhost/metrics
cp out metrics
for path in health ready live; do
	curl -s --unix-socket hs2cert.db.sock "http://localhost/$path" >>health
done
sed -i "s|certifier: { token|certifier: { portal-url: \"https://$canary.example.org\", token|" rules.d/00-accounts.yaml
sed -i "s|base-url: \"$url/certifier/v1\"|base-url: \"$echo_url\"|" rules.d/00-accounts.yaml
kill -HUP "$daemon"
check 'the other service is in force' soon sh -c "[ \$(grep -c 'rules loaded' log) -eq 2 ]"
changes 9004 "${canary}Fourth" Gold
check 'its refusal is on record' soon sh -c "[ \$('$program' runs --contact 9004 --json | grep -cE '\"state\":\"(refused|held)\"') -ge 2 ]"
sed -i "s|base-url: \"$url/hubspot\"|base-url: \"$echo_url\"|" rules.d/00-accounts.yaml
kill -HUP "$daemon"
check 'and of the source' soon sh -c "[ \$(grep -c 'rules loaded' log) -eq 3 ]"
check 'it refuses' soon grep -q 'the source refused\|account stopped\|no answer from the source' log
kill -TERM "$daemon"
check 'it ends' wait "$daemon"
daemon=
check 'there was something to tell' [ "$(grep -cE 'refused|held' log)" -ge 3 ]
check 'nothing of it in the log' tells_nothing first.log log
check 'nothing in metrics and health' tells_nothing metrics health
check 'nothing beside the state' tells_nothing hs2cert.db.lock
"$program" run --once --log-format json 2>json.log
check 'nor in JSON' tells_nothing json.log

# ---- commands that ask the accounts --------------------------------------------------

for command in doctor 'pull --check' 'validate --online' 'reconcile --dry-run' 'backfill tier'; do
	# shellcheck disable=SC2086
	"$program" $command >/dev/null 2>"${command%% *}.err"
	! grep -inE "$canary" "${command%% *}.err" && passed=$((passed + 1)) || { failed=$((failed + 1)); echo "FAIL: $command, where both refuse"; }
done
sed -i "/^hubspot/s|base-url: \"$echo_url\"|base-url: \"$url/hubspot\"|" rules.d/00-accounts.yaml
for command in 'backfill tier --yes --log-level debug' 'reconcile --dry-run --log-level debug'; do
	# shellcheck disable=SC2086
	"$program" $command >/dev/null 2>"${command%% *}.err"
	! grep -inE "$canary" "${command%% *}.err" && passed=$((passed + 1)) || { failed=$((failed + 1)); echo "FAIL: $command"; }
done
check 'the word is where it belongs, so it would have been found' sh -c "'$program' runs --json | grep -q '$canary'"
conclude privacy
