#!/bin/sh
# Holds README.md and docs/*.md to what the program does. $1: the program.
#
#   ```yaml                whole documents; validate finds nothing in them, not even a warning
#   <!-- wrong: CODE -->   in the line before ```yaml: validate finds this, and nothing else
#   <!-- says -->          in the line before another block: what validate prints on the yaml block above
#   <!-- file: PATH -->    in the line before a block: the commands below find it as this file. A rule test is no
#                          rule file: a yaml block with tests/ in its PATH is not given to validate
#   <!-- stage: COMMAND --> for the shell, not shown: what the commands below need beside. It must succeed
#   <!-- runs: COMMAND --> in the line before a block: what the shell prints on it, stderr too; it must end with 0,
#                          or with N in <!-- runs, exit N: COMMAND -->. A first line `$ COMMAND` of the block is the
#                          command; a line of only … stands for any lines, … within one for any text
#
# The commands of one document run one after the other in one folder, which holds rules.d as it is here and the
# program as `hs2cert`; $e2e is this folder.
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
			if (kind == "yaml" && before !~ /^ *<!-- file: .*tests\//) {
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

# ---- commands and what they print ------------------------------------------------

# What is to be done in a document, in its order: N.does (file, stage or runs), N.what, N.status, N.text, N.line.
cut_acts() {
	rm -rf "$tmp/acts"
	mkdir "$tmp/acts"
	awk -v to="$tmp/acts" '
		!inside && /^ *<!-- stage: .* -->/ { begin("stage", $0) }
		!inside && /^ *```/ {
			inside = 1
			indent = index($0, "`")
			file = ""
			if (before ~ /^ *<!-- (file|runs)[:,]/) {
				begin(before ~ /<!-- file/ ? "file" : "runs", before)
				file = part("text")
				printf "" > file
			}
			next
		}
		inside && /^ *```/ { inside = 0; before = ""; next }
		inside && file != "" { print substr($0, indent) >> file }
		{ before = $0 }
		function part(what) { return sprintf("%s/%03d.%s", to, n, what) }
		function begin(kind, line,   status) {
			n++
			status = 0
			if (match(line, /, exit [0-9]+:/))
				status = substr(line, RSTART + 7, RLENGTH - 8)
			sub(/^ *<!-- [a-z]+(, exit [0-9]+)?: /, "", line)
			sub(/ -->.*$/, "", line)
			print kind > part("does")
			print line > part("what")
			print status > part("status")
			print NR > part("line")
		}
	' "$1"
}

# run_act ACT: what the shell prints goes to $tmp/got; whether it ended as it was to.
run_act() {
	(cd "$tmp/stage" && PATH=$tmp/bin:$PATH e2e=$e2e sh -c "$(cat "$1.what")") >"$tmp/got" 2>&1 </dev/null
	ended=$?
	[ "$ended" -eq "$(cat "$1.status")" ] || { cat "$tmp/got"; echo "exit $ended, not $(cat "$1.status")"; return 1; }
}

# same_text WANTED GOT: … alone in a line is any lines, within one any text.
same_text() {
	awk -v wanted="$1" -v got="$2" '
		BEGIN {
			while ((getline line < wanted) > 0) w[++nw] = line
			while ((getline line < got) > 0) g[++ng] = line
			if (fits(1, 1)) exit 0
			i = 1
			while (i <= nw && i <= ng && like(w[i], g[i])) i++
			printf "line %d is not as shown\n-%s\n+%s\n", i, w[i], g[i]
			exit 1
		}
		function fits(i, k) {
			if (i > nw) return k > ng
			if (w[i] == "…") return fits(i + 1, k) || (k <= ng && fits(i, k + 1))
			return k <= ng && like(w[i], g[k]) && fits(i + 1, k + 1)
		}
		function like(want, have,   piece, n, j, at) {
			n = split(want, piece, "…")
			if (n < 2) return want == have
			if (substr(have, 1, length(piece[1])) != piece[1]) return 0
			have = substr(have, length(piece[1]) + 1)
			for (j = 2; j < n; j++) {
				if (!(at = index(have, piece[j]))) return 0
				have = substr(have, at + length(piece[j]))
			}
			return length(have) >= length(piece[n]) && substr(have, length(have) - length(piece[n]) + 1) == piece[n]
		}
	'
}

# do_act ACT: whether the document tells the truth there.
do_act() {
	case $(cat "$1.does") in
	file)
		mkdir -p "$(dirname "$tmp/stage/$(cat "$1.what")")" && cp "$1.text" "$tmp/stage/$(cat "$1.what")"
		;;
	stage)
		run_act "$1" || { cat "$tmp/got"; return 1; }
		;;
	runs)
		run_act "$1" || return 1
		case $(head -n 1 "$1.text") in
		"\$ "*)
			[ "$(head -n 1 "$1.text")" = "\$ $(cat "$1.what")" ] || { echo 'it shows another command'; return 1; }
			sed 1d "$1.text" >"$1.shown"
			;;
		*) cp "$1.text" "$1.shown" ;;
		esac
		same_text "$1.shown" "$tmp/got" || { echo 'it prints:'; cat "$tmp/got"; return 1; }
		;;
	esac
}

e2e=$PWD/tests/e2e
mkdir "$tmp/bin"
ln -s "$hs2cert" "$tmp/bin/hs2cert"
for doc in README.md docs/*.md; do
	rm -rf "$tmp/stage"
	mkdir "$tmp/stage"
	cp -r rules.d "$tmp/stage/rules.d"
	cut_acts "$doc"
	for act in "$tmp"/acts/*.does; do
		act=${act%.does}
		[ ! -e "$act.does" ] || expect "$doc:$(cat "$act.line"): $(cat "$act.what")" do_act "$act"
	done
done

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
