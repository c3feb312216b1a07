#!/bin/sh
# Holds README.md and docs/*.md to what the program does. $1: the program.
#
#   ```yaml                whole documents; validate finds nothing in them, not even a warning
#   <!-- wrong: CODE -->   in the line before ```yaml: validate finds this, and nothing else
#   <!-- says -->          in the line before another block: what validate prints on the yaml block above
#
# Blocks with another word behind the fence are not validated; in ```sh every hs2cert COMMAND must exist.
# RULES.md must name every word that the program offers in its hints, and every code.
set -u
LC_ALL=C
export LC_ALL
unset HS2CERT_RULES
case $1 in
/*) hs2cert=$1 ;;
*) hs2cert=$PWD/$1 ;;
esac
cd "$(dirname "$0")/../.." || exit 3
tmp=$(mktemp -d) || exit 3
trap 'rm -rf "$tmp"' EXIT
trap 'exit 3' HUP INT TERM
passed=0
failed=0

# expect WHAT COMMAND…: what the command prints is shown when it fails.
expect() {
	what=$1
	shift
	if "$@" >"$tmp/out" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $what"
		sed 's/^/     /' "$tmp/out"
	fi
}

# ---- examples -----------------------------------------------------------------

# Each yaml block of a file as N.yaml, its place as N.place, and N.wrong and N.says where it has them.
cut_blocks() {
	awk -v to="$tmp" -v doc="$1" '
		!inside && /^ *```/ {
			inside = 1
			indent = index($0, "`")
			kind = $0
			sub(/^ *```/, "", kind)
			sub(/ .*/, "", kind)
			file = ""
			if (kind == "yaml") {
				n++
				file = sprintf("%s/%s-%03d.yaml", to, name(), n)
				print doc ":" NR > part("place")
				printf "" > file
				if (before ~ /^ *<!-- wrong: /) {
					split(before, word, " ")
					print word[3] > part("wrong")
				}
			} else if (before ~ /^ *<!-- says -->/) {
				file = part("says")
			} else if (kind == "sh") {
				file = to "/shell"
			}
			next
		}
		inside && /^ *```/ { inside = 0; before = ""; next }
		inside && file != "" { print substr($0, indent) >> file }
		{ before = $0 }
		END { exit inside }
		function name(   s) { s = doc; gsub("/", "-", s); return s }
		function part(what) { return sprintf("%s/%s-%03d.%s", to, name(), n, what) }
	' "$1"
}

# Fills $tmp/told and answers validate's exit status. The file is called rules.d/example.yaml.
validate_example() {
	(cd "$tmp" && "$hs2cert" validate --deny-warnings) >"$tmp/told" 2>&1
}

codes_told() {
	sed -n 's/^rules\.d\/example\.yaml:[0-9:]*: .*\[\([a-z0-9-]*\)\]$/\1/p' "$tmp/told" | sort -u
}

# right_example BLOCK: whether validate says of it what the document says.
right_example() {
	cp "$1.yaml" "$tmp/rules.d/example.yaml"
	validate_example
	status=$?
	cat "$tmp/told"
	if [ -e "$1.wrong" ]; then
		[ "$status" -eq 1 ] && [ "$(codes_told)" = "$(cat "$1.wrong")" ]
	else
		[ "$status" -eq 0 ]
	fi
}

mkdir "$tmp/rules.d"
for doc in README.md docs/*.md; do
	expect "$doc: every block is closed" cut_blocks "$doc"
done
for block in "$tmp"/*.yaml; do
	block=${block%.yaml}
	expect "$(cat "$block.place"): example" right_example "$block"
	[ ! -e "$block.says" ] || expect "$(cat "$block.place"): what validate says" diff "$block.says" "$tmp/told"
done
expect 'rules.d' "$hs2cert" validate --deny-warnings rules.d

# ---- words --------------------------------------------------------------------

# Wrong in every way that is answered with a list of words.
cat >"$tmp/rules.d/example.yaml" <<'END'
rule: every-list
qqqqqqqqqqqq: 1
mode: qqqqqqqqqqqq
repeat: qqqqqqqqqqqq
missing-email: qqqqqqqqqqqq
trigger:
  event: property-changed
  property: tier
  qqqqqqqqqqqq: 1
  filters:
    - { property: tier, qqqqqqqqqqqq: 1 }
action:
  do: qqqqqqqqqqqqqqqqqqqqqq
  qqqqqqqqqqqq: 1
  group: g
  fields:
    custom.a: "{{ contact.a | qqqqqqqqqqqq }}"
    custom.b: "{{ event.qqqqqqqqqqqq }}"
    custom.c: "{{ contact.a | date('qqq') }}"
    custom.d: "{{ contact.a | add('1 qqqqqqqqqqqq') }}"
---
rule: list
trigger: { event: list-added, list: 1, qqqqqqqqqqqq: 1 }
action: { do: issue-credential, group: g, fields: { custom.a: "{{ event.qqqqqqqqqqqq }}" } }
---
rule: no-event
trigger: { event: qqqqqqqqqqqqqqqqqqqqqq }
action: { do: issue-credential, group: g }
---
account: hubspot
hubspot:
  qqqqqqqqqqqq: 1
  api: qqqqqqqqqqqq
  webhook: { qqqqqqqqqqqq: 1, public-url: "https://example.org", secret: "${A}", signature: qqqqqqqqqqqq }
  oauth: { qqqqqqqqqqqq: 1, client-id: a, client-secret: "${A}" }
---
account: certifier
certifier:
  qqqqqqqqqqqq: 1
END
validate_example
expect 'every list of words is told' [ "$(grep -c 'one of ' "$tmp/told")" -eq 20 ]
sed -n 's/.*X(CODE_[A-Z0-9_]*, "\([a-z0-9-]*\)".*/\1/p' dsl/codes.h >"$tmp/words"
sed -n 's/^.* one of //p' "$tmp/told" | awk -F ', ' '{ for (i = 1; i <= NF; i++) print $i }' >>"$tmp/words"
while read -r word; do
	expect "docs/RULES.md does not name \`$word\`" grep -qF "\`$word\`" docs/RULES.md
done <"$tmp/words"

# ---- commands -----------------------------------------------------------------

"$hs2cert" --help | sed -n 's/^ *hs2cert \([a-z][a-z]*\) .*/\1/p' >"$tmp/commands"
while read -r command; do
	expect "no document shows 'hs2cert $command'" grep -q "hs2cert $command" README.md docs/*.md
done <"$tmp/commands"
sed -n 's/.*hs2cert \([a-z][a-z]*\).*/\1/p' "$tmp/shell" | sort -u >"$tmp/shown"
while read -r command; do
	expect "a document shows 'hs2cert $command', which there is not" grep -qx "$command" "$tmp/commands"
done <"$tmp/shown"

# ---- links --------------------------------------------------------------------

links() {
	awk '/^ *```/ { inside = !inside; next }
		inside { next }
		{
			gsub(/`[^`]*`/, "")
			while (match($0, /\]\([^)]*\)/)) {
				print substr($0, RSTART + 2, RLENGTH - 3)
				$0 = substr($0, RSTART + RLENGTH)
			}
		}' "$1"
}

# The names by which a file's headings are linked to.
anchors() {
	awk '/^ *```/ { inside = !inside; next }
		!inside && /^#+ / {
			sub(/^#+ /, "")
			$0 = tolower($0)
			gsub(/[^a-z0-9 _-]/, "")
			gsub(/ /, "-")
			print
		}' "$1"
}

# right_link DOC LINK: whether the file is there, and in it the heading behind the #.
right_link() {
	case $2 in
	'#'*) target=$1 ;;
	*) target=$(dirname "$1")/${2%%#*} ;;
	esac
	[ -e "$target" ] || return 1
	case $2 in
	*'#'*) anchors "$target" | grep -qxF "${2#*#}" ;;
	esac
}

for doc in README.md docs/*.md; do
	for link in $(links "$doc"); do
		case $link in
		http://* | https://* | mailto:*) ;;
		*) expect "$doc: link to $link" right_link "$doc" "$link" ;;
		esac
	done
done

echo "docs: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
