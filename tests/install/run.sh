#!/bin/sh
# What `make install` puts in place, and that `make uninstall` takes it away; the man pages: run.sh BUILD.
set -u
cd "$(dirname "$0")/../.." || exit 3
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
usr=$root/usr
passed=0 failed=0

check() { # WORDS COMMAND…
	words=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL: $words"
		cat "$work/out"
	fi
}

into() {
	make --no-print-directory "$1" DESTDIR="$root" PREFIX=/usr
}

check 'make install' into install
check 'the program runs' "$usr/bin/hs2cert" version
check 'the unit starts it' grep -qx 'ExecStart=/usr/bin/hs2cert run $HS2CERT_OPTIONS' "$usr/lib/systemd/system/hs2cert.service"
check 'and nothing under /usr/local' sh -c "! grep -E '^Exec(Start|StartPre|Reload)=.*/usr/local' '$usr/lib/systemd/system/hs2cert.service'"
check 'its user' grep -q '^u hs2cert ' "$usr/lib/sysusers.d/hs2cert.conf"
completes() { # SHELL FILE: what the program says for it is there
	"$usr/bin/hs2cert" completion "$1" >"$work/completion" && cmp "$work/completion" "$usr/share/$2"
}
check 'bash finds what it completes with' completes bash bash-completion/completions/hs2cert
check 'zsh does' completes zsh zsh/site-functions/_hs2cert
check 'fish does' completes fish fish/vendor_completions.d/hs2cert.fish
check 'example rules are valid' "$usr/bin/hs2cert" validate "$usr/share/doc/hs2cert/examples/rules.d"
check 'the manuals' test -s "$usr/share/doc/hs2cert/OPERATE.md"

# ---- man pages -------------------------------------------------------------------

clean() { # PAGE: mandoc has nothing to complain of
	mandoc -Tlint -W warning "$1"
}
for page in "$usr"/share/man/man*/*; do
	check "mandoc takes $(basename "$page")" clean "$page"
done
shown() { # PAGE: as one reads it, words alone
	mandoc -Tutf8 -O width=500 "$1" | sed "s/.$(printf '\010')//g" >"$work/page"
}
for command in $("$usr/bin/hs2cert" --help | sed -n 's/^ *hs2cert \([a-z][a-z]*\) .*/\1/p'); do
	check "the page of $command" shown "$usr/share/man/man1/hs2cert-$command.1"
	for option in $("$usr/bin/hs2cert" "$command" --help | sed -n 's/^ *\(--[a-z][a-z-]*\).*/\1/p'); do
		check "$command $option is in it" grep -qE -- "^ *$option" "$work/page"
	done
done
check 'the page of all' shown "$usr/share/man/man1/hs2cert.1"
check 'names each command' [ "$(grep -c '^ *hs2cert-[a-z]*(1)$' "$work/page")" -eq "$("$usr/bin/hs2cert" --help | grep -c '^ *hs2cert [a-z]')" ]
check 'the page of the language' shown "$usr/share/man/man5/hs2cert-rules.5"
for word in settle not-in recipient.email 'event.to' "default('text')" unknown-property public-url once-per-value; do
	check "$word is in it" grep -qF -- "$word" "$work/page"
done
printf '.TH X 1\n.SH NAME\n.IP\n.XX\n' >"$work/bad.1"
check 'a page that is wrong is complained of' sh -c "! mandoc -Tlint -W warning '$work/bad.1'"
mkdir "$work/templates" "$work/pages"
cp docs/man/*.[15] "$work/templates"
echo '@nothing@' >>"$work/templates/command.1"
pages() { # 1, and this on stderr
	! "$build/docs/man/pages" "$work/templates" "$work/pages" 1 2026-01-31 2>"$work/said" && grep -qxF "$1" "$work/said"
}
check 'a template that names what there is not' pages 'pages: a template names what there is not: nothing'

check 'make uninstall' into uninstall
check 'leaves nothing behind' [ -z "$(find "$root" ! -type d)" ]
echo "install: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
