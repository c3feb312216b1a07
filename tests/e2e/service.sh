#!/bin/sh
# The daemon as a service: what it tells the manager, what it keeps to itself, and the unit file.
. "$(dirname "$(realpath "$0")")/stage.inc"
project=$(dirname "$program")
until [ -e "$project/Makefile" ]; do
	[ "$project" != / ] || exit 3
	project=$(dirname "$project")
done
manager=

# A manager that writes down each datagram as one line.
start_manager() {
	perl -MSocket -e '
		socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die;
		bind($s, sockaddr_un("notify")) or die;
		$| = 1;
		while (defined recv($s, my $m, 4096, 0)) { $m =~ s/\n/ /g; print "$m\n" }' >told &
	manager=$!
	soon test -S notify || exit 1
}
end() {
	[ -z "$manager" ] || kill "$manager" 2>/dev/null
	finish
}
trap end EXIT

start_sandbox
write_rules 0s
start_manager
export NOTIFY_SOCKET="$work/notify"

# ---- what the manager is told ----------------------------------------------------

cp rules.d/10-rules.yaml good
sed -i 's/event: list-added/event: list-adde/' rules.d/10-rules.yaml
check 'broken rules: no start' status 1 "$program" run
cp good rules.d/10-rules.yaml
check 'no secret: no start' status 3 env -u HUBSPOT_TOKEN "$program" run
check 'and nothing was told' test ! -s told
umask 0
ulimit -c unlimited 2>/dev/null || true
WATCHDOG_USEC=200000
export WATCHDOG_USEC
start_daemon
unset WATCHDOG_USEC
umask 022
check 'it is ready' soon grep -q '^READY=1 STATUS=rules in force: 2, accounts: 2, table [0-9a-f]\{16\}$' told
check 'only then: the rules are in force' grep -q 'rules loaded' log
check 'and the state is open' test -s hs2cert.db
check 'signs of life' soon sh -c '[ "$(grep -c "^WATCHDOG=1$" told)" -ge 3 ]'
kill -HUP "$daemon"
check 'a reload begins' soon grep -qE '^RELOADING=1 MONOTONIC_USEC=[0-9]+$' told
check 'and ends' soon sh -c 'sed "1,/^RELOADING/d" told | grep -q "^READY=1 STATUS=rules in force: 2"'
sed -i 's/event: list-added/event: list-adde/' rules.d/10-rules.yaml
kill -HUP "$daemon"
check 'a refused one, too' soon grep -qx 'READY=1 STATUS=the last reload was refused: the rules before it are in force' told
cp good rules.d/10-rules.yaml

# ---- what it keeps to itself -----------------------------------------------------

act set '{"contact":101,"property":"membership_tier","value":"Gold"}'
check 'a change becomes a credential' soon state_is tier sent 1
for suffix in '' -wal -shm .lock; do
	check "hs2cert.db$suffix is for its owner only" [ "$(stat -c %a "hs2cert.db$suffix")" = 600 ]
done
check 'no core dumps' grep -qE '^Max core file size +0 +0 ' "/proc/$daemon/limits"
if [ "$(id -u)" -eq 0 ]; then
	check 'root is warned' grep -q 'warn .*runs as root' log
	check 'each of its files is closed by exec, but for what it was given' sh -c "
		for fd in /proc/$daemon/fd/*; do
			case \$(readlink \$fd) in *hs2cert.db*|anon_inode:*) grep -qE '^flags:.*02[0-9]{6}\$' /proc/$daemon/fdinfo/\${fd##*/} || exit 1 ;; esac
		done"
fi
kill -TERM "$daemon"
check 'SIGTERM ends it with 0' wait "$daemon"
daemon=
check 'stopping is told' soon grep -q '^STOPPING=1 STATUS=' told
unset NOTIFY_SOCKET

# As somebody else, where we may: nobody of this user may look into it.
chmod 755 . && mkdir -m 777 other && ln -s ../rules.d other/
as_other="env --chdir=other"
[ "$(id -u)" -ne 0 ] || as_other="setpriv --reuid=65534 --regid=65534 --clear-groups env --chdir=other"
cp "$program" other/ # where it was built is not for everybody
$as_other ./hs2cert run 2>other.log &
daemon=$!
check 'it runs as anybody' soon grep -q 'rules loaded' other.log
check 'and does not warn of root then' [ "$(grep -c 'as root' other.log)" -eq 0 ]
check 'its memory is not for others of its user' [ "$(stat -c %u "/proc/$daemon/environ")" -eq 0 ]
kill -TERM "$daemon"
wait "$daemon"
daemon=

printf 'hub-secret-token\n' >token
chmod 600 token
sed -i 's/"${HUBSPOT_TOKEN}"/"file:token"/' rules.d/00-accounts.yaml
check 'a secret in a file' status 0 "$program" run --once
check 'that is its owner'"'"'s only' [ "$(grep -c 'can read a secret' err)" -eq 0 ]
chmod 644 token
check 'one that everybody can read' status 0 "$program" run --once
check 'is warned of by its name' grep -q 'warn .*everybody on this machine can read a secret: .* account=hubspot file=token' err

# ---- the unit ----------------------------------------------------------------------

sed "s|/usr/local/bin/hs2cert|$program|g" "$project/contrib/hs2cert.service" >hs2cert.service
check 'systemd understands the unit' status 0 systemd-analyze verify --man=no ./hs2cert.service
check 'and finds nothing in it' sh -c '[ ! -s out ] && [ ! -s err ]'
exposure() {
	systemd-analyze security --offline=true --no-pager "$1" | sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p'
}
check 'its exposure is at most 1.5' sh -c "echo '$(exposure ./hs2cert.service)' | awk '{ exit !(\$1 > 0 && \$1 <= 1.5) }'"
grep -vE '^(CapabilityBoundingSet|SystemCallFilter)=' hs2cert.service >weak.service
check 'which a weaker one has not' sh -c "echo '$(exposure ./weak.service)' | awk '{ exit !(\$1 > 1.5) }'"
conclude service
