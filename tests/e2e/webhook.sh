#!/bin/sh
# Webhooks on real sockets, signed by openssl: what is genuine becomes a credential without a poll, what is not is refused.
here=$(dirname "$(realpath "$0")")
. "$here/stage.inc"
metrics_awk=$here/metrics.awk
start_sandbox
write_rules 0s
export HOOK_SECRET=yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy
public=https://hooks.example.org/hubspot/main
sed -i "s|poll: 1s,|poll: 1h, webhook: { public-url: \"$public\", secret: [file:next-secret, \"\${HOOK_SECRET}\"] },|" rules.d/00-accounts.yaml

# sign SECRET URI BODY TIME: a v3 signature.
sign() {
	printf '%s' "POST$2$3$4" | openssl dgst -sha256 -hmac "$1" -binary | base64
}
# post PATH BODY HEADER…: the status of the answer.
post() {
	path=$1
	body=$2
	shift 2
	for header; do
		set -- "$@" -H "$header"
		shift
	done
	curl -s -o answer -w '%{http_code}' --max-time 10 -X POST "$@" -H 'Content-Type: application/json' --data-binary "$body" "http://$address$path"
}
now_ms() {
	date +%s%3N
}
# genuine BODY [SECRET [TIME]]: posted as HubSpot does it.
genuine() {
	at=${3:-$(now_ms)}
	post /hubspot/main "$1" "X-HubSpot-Signature-v3: $(sign "${2:-$HOOK_SECRET}" "$public" "$1" "$at")" "X-HubSpot-Request-Timestamp: $at"
}
# change ID: the body that tells of a change of that contact.
change() {
	echo "[{\"eventId\":1,\"subscriptionId\":2,\"portalId\":${2:-1234567},\"appId\":3,\"occurredAt\":$(now_ms),\"subscriptionType\":\"contact.propertyChange\",\"attemptNumber\":0,\"objectId\":$1,\"propertyName\":\"membership_tier\",\"propertyValue\":\"forged\",\"changeSource\":\"CRM_UI\"}]"
}
is() {	# WANTED GOT
	[ "$1" = "$2" ] || { echo "got $2, not $1: $(cat answer 2>/dev/null)"; return 1; }
}

check '--listen is for a daemon' status 2 "$program" run --once --listen 127.0.0.1:0
check 'no address is none' status 2 "$program" run --listen nowhere
check 'a port that is taken is said' status 3 "$program" run --listen "$(echo "$url" | sed 's|http://||')"
check 'a first pass activates the rules' status 0 "$program" run --once
start_daemon
check 'a webhook that nobody listens to is said' soon grep -q 'no --listen' log
kill -TERM "$daemon" && wait "$daemon"
start_daemon --listen 127.0.0.1:0
check 'it says where it listens' soon grep -q 'listening for webhooks' log
address=$(sed -n 's/.*listening for webhooks.* address=\([^ ]*\).*/\1/p' log)
check 'a secret that is missing is said' grep -q 'a secret is missing' log

# what cannot be judged is no refusal
check 'while one of two secrets is missing, nobody is refused for good' is 503 "$(genuine "$(change 101)" other)"
echo another >next-secret
sleep 0.1
kill -HUP "$daemon"
check 'a reload reads the secrets' soon sh -c "[ \$(grep -c 'rules loaded' log) -eq 3 ]"

act set '{"contact":101,"property":"membership_tier","value":"Gold"}'
check 'a genuine request is taken' is 204 "$(genuine "$(change 101)")"
check 'and becomes a credential' soon state_is tier sent 1
check 'of what the contact is, not of what was sent' sh -c "'$program' runs --json | grep -q '\"to\":\"Gold\"'"
act set '{"contact":102,"property":"membership_tier","value":"Bronze"}'
check 'the other secret counts, too' is 204 "$(genuine "$(change 102)" another)"
check 'and becomes a credential' soon state_is tier sent 2
check 'again is no news' is 204 "$(genuine "$(change 101)")"
check 'of a deletion, too' is 204 "$(genuine '[{"subscriptionType":"contact.deletion","objectId":999999,"portalId":1234567}]')"
check 'what is unknown is ignored' is 204 "$(genuine '[{"subscriptionType":"contact.sneeze","objectId":1},{"subscriptionType":"company.creation","objectId":2},7]')"
check 'of another portal it is, too' is 204 "$(genuine "$(change 103 99)")"
check 'and that is said' soon grep -q 'events of another account' log

# bad requests
check 'no signature' is 401 "$(post /hubspot/main "$(change 101)")"
check 'a wrong secret' is 401 "$(genuine "$(change 101)" wrong)"
check 'too late' is 401 "$(genuine "$(change 101)" "$HOOK_SECRET" $(($(now_ms) - 301000)))"
check 'too early' is 401 "$(genuine "$(change 101)" "$HOOK_SECRET" $(($(now_ms) + 310000)))"
check 'another body than the signed one' is 401 "$(at=$(now_ms); post /hubspot/main '[]' "X-HubSpot-Signature-v3: $(sign "$HOOK_SECRET" "$public" '[1]' "$at")" "X-HubSpot-Request-Timestamp: $at")"
check 'the URI of the proxy is not the one that is signed' is 401 "$(at=$(now_ms); post /hubspot/main '[]' "X-HubSpot-Signature-v3: $(sign "$HOOK_SECRET" "http://$address/hubspot/main" '[]' "$at")" "X-HubSpot-Request-Timestamp: $at")"
check 'v1 is no way in' is 401 "$(post /hubspot/main '[]' "X-HubSpot-Signature: $(printf '%s[]' "$HOOK_SECRET" | sha256sum | cut -c1-64)" 'X-HubSpot-Signature-Version: v1')"
check 'no JSON' is 400 "$(genuine 'not json')"
check 'no event' is 400 "$(genuine '{}')"
check 'nothing but what is no event' is 400 "$(genuine '[7,{"objectId":101}]')"
check 'no UTF-8' is 400 "$(genuine "$(printf '\377\376{}')")"
check 'cut JSON' is 400 "$(genuine '[{"objectId":101,')"
check 'nested JSON' is 400 "$(genuine "$(printf '%0300d' 0 | tr 0 '[')")"
check 'a huge body' is 413 "$(head -c 2000000 /dev/zero | tr '\0' ' ' >huge; post /hubspot/main @huge)"
check 'another method' is 405 "$(curl -s -o answer -w '%{http_code}' "http://$address/hubspot/main")"
check 'another path' is 404 "$(post /hubspot/other '[]')"
check 'a body that is packed' is 415 "$(post /hubspot/main '[]' 'Content-Encoding: gzip')"
check 'two lengths' is 400 "$(post /hubspot/main '[]' 'Transfer-Encoding: chunked' 'Content-Length: 2')"

# by another implementation, and many (HOOKS=100000 for a long run)
hooks=${HOOKS:-400}
check 'all that are genuine are taken, all that are forged are not' is \
	"{\"genuine\":{\"204\":$hooks},\"forged\":{\"401\":$hooks}}" \
	"$(node "$here/webhook.js" "$address" "$public" another "$hooks")"

# for those who cannot sign
act set '{"contact":103,"property":"membership_tier","value":"Gold"}'
check 'a look needs the secret' is 401 "$(post /hubspot/main/look '{"vid":103}' 'X-Hs2cert-Secret: wrong')"
check 'a look without an id' is 400 "$(post /hubspot/main/look '{"email":"a@b.c"}' "X-Hs2cert-Secret: $HOOK_SECRET")"
check 'a look is taken' is 204 "$(post /hubspot/main/look '{"vid":103,"properties":{}}' "X-Hs2cert-Secret: $HOOK_SECRET")"
check 'and becomes a credential' soon state_is tier sent 3
act join '{"list":4711,"contact":101}'
check 'a look at who joined a list' is 204 "$(post /hubspot/main/look '{"objectId":"101"}' "X-Hs2cert-Secret: $HOOK_SECRET")"
check 'lets the list be looked at' soon state_is graduates sent 1

# who drips keeps nobody out
node "$here/slow.js" "$address" 400 >slow.out &
slow=$!
check '400 connections are held by those who drip' soon grep -q held slow.out
for i in 1 2 3 4 5; do
	check 'a genuine request is taken all the same' is 204 "$(genuine "$(change 101)")"
done
kill $slow

curl -s -o metrics --unix-socket hs2cert.db.sock http://localhost/metrics
check 'metrics tell of those that were genuine' grep -q '^hs2cert_webhook_requests_total{account="[a-z-]*",outcome="genuine"} [1-9]' metrics
check 'and are well formed' awk -f "$metrics_awk" metrics

kill -TERM "$daemon"
check 'SIGTERM ends it with 0' wait "$daemon"
daemon=

# the sandbox tells of what happens there; the daemon is at the same address again
sed -i "s|$public|http://$address/hubspot/main|; s|signature: v3||" rules.d/00-accounts.yaml
start_daemon --listen "$address"
check 'it listens again' soon sh -c "[ \$(grep -c 'listening for webhooks' log) -eq 2 ]"
act webhook "{\"url\":\"http://$address/hubspot/main\",\"secret\":\"another\",\"types\":\"contact.propertyChange:membership_tier\"}"
act set '{"contact":103,"property":"membership_tier","value":"Bronze"}'
check 'what the sandbox tells becomes a credential' soon state_is tier sent 4
check 'a wrong signature version is refused' sh -c "! curl -s -f -o /dev/null -X POST --data-binary '{\"url\":\"http://127.0.0.1:1\",\"secret\":\"x\",\"signature\":\"v4\"}' '$url/sandbox/webhook'"
kill -TERM "$daemon"
check 'SIGTERM ends it with 0' wait "$daemon"
daemon=
check 'each was mailed once' [ "$(mails)" -eq 5 ]
check 'no secret in the log' sh -c "! grep -q 'yyyy-yyyy\|another\$' log"
conclude webhook
