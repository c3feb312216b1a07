#!/bin/sh
# The Debian package: what lintian says of it, what is in it, and, as root, how it is installed and purged: run.sh DEB.
set -u
deb=$(realpath "$1")
work=$(mktemp -d)
trap 'umount "$work/root" "$work" 2>/dev/null; rm -rf "$work"' EXIT
passed=0 failed=0

check() { # WORDS COMMAND…
	words=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL: $words"
		tail -n 30 "$work/out"
	fi
}

as_root=
[ "$(id -u)" -ne 0 ] || as_root=--allow-root
check 'lintian finds neither errors nor warnings' lintian $as_root --fail-on error,warning "$deb"
dpkg-deb -x "$deb" "$work/tree"
for path in usr/bin/hs2cert lib/systemd/system/hs2cert.service usr/lib/sysusers.d/hs2cert.conf \
	usr/share/man/man1/hs2cert.1.gz usr/share/man/man5/hs2cert-rules.5.gz usr/share/doc/hs2cert/copyright \
	usr/share/doc/hs2cert/OPERATE.md usr/share/doc/hs2cert/examples/rules.d/10-tier-badge.yaml \
	usr/share/bash-completion/completions/hs2cert usr/share/zsh/vendor-completions/_hs2cert \
	usr/share/fish/vendor_completions.d/hs2cert.fish etc/hs2cert/rules.d/00-accounts.yaml; do
	check "$path" test -s "$work/tree/$path"
done
conffiles() {
	[ "$(dpkg-deb -I "$deb" conffiles | grep -c .)" -eq 2 ]
}
no_stop() {
	! dpkg-deb -I "$deb" preinst
}
check "an upgrade does not stop the daemon before its restart" no_stop
check 'two files that are kept as an administrator edits them' conffiles
check 'the program runs' "$work/tree/usr/bin/hs2cert" version
check 'it is hardened' sh "$(dirname "$0")/../elf/check.sh" "$work/tree/usr/bin/hs2cert"
check 'the accounts are valid' "$work/tree/usr/bin/hs2cert" validate "$work/tree/etc/hs2cert/rules.d"

# In a copy of this machine that is forgotten afterwards.
in_copy() {
	unshare --mount --propagation private sh -ec "
		mount -t tmpfs tmpfs '$work'
		mkdir '$work/upper' '$work/work' '$work/root'
		mount -t overlay overlay -o lowerdir=/,upperdir='$work/upper',workdir='$work/work' '$work/root'
		mount -t tmpfs tmpfs '$work/root/run'
		mount -t proc proc '$work/root/proc'
		mount --bind /dev '$work/root/dev'
		cp '$1' '$work/root/run/hs2cert.deb'
		exec chroot '$work/root' sh -ec '$2'"
}
if [ "$(id -u)" -eq 0 ]; then
	check 'it installs, runs as its own user, and is purged' in_copy "$deb" '
		export DEBIAN_FRONTEND=noninteractive
		dpkg -i /run/hs2cert.deb
		getent passwd hs2cert
		[ "$(stat -c %a:%U /etc/hs2cert/secrets)" = 700:root ]
		setpriv --reuid=hs2cert --regid=hs2cert --clear-groups hs2cert validate /etc/hs2cert/rules.d
		man -w hs2cert
		mkdir /var/lib/hs2cert
		dpkg -i /run/hs2cert.deb
		dpkg -r hs2cert
		[ -d /var/lib/hs2cert ] && [ -e /etc/hs2cert/rules.d/00-accounts.yaml ] && [ ! -e /usr/bin/hs2cert ]
		dpkg -P hs2cert
		[ ! -e /var/lib/hs2cert ] && [ ! -e /etc/hs2cert ] && [ ! -e /etc/default/hs2cert ]'
else
	echo 'deb: not installed: that takes root'
fi
echo "deb: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
