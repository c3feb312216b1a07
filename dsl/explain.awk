# The texts of dsl/explain/*.md as rows of C, for dsl/explain.c; in front of them, dsl/codes.h.
# A text: what the code means, an empty line, why it matters, and two blocks, the wrong example
# and the right one. Every code has one, and there are no others.
function complain(what) {
	print what >"/dev/stderr"
	exit bad = 1
}
function quoted(text) {
	gsub(/[\\"?]/, "\\\\&", text)
	return "\"" text "\\n\""
}
function finish() {
	if (name && (part != 4 || inside))
		complain("dsl/explain/" name ".md: not two paragraphs and two blocks")
	if (name)
		print " },"
}
FILENAME ~ /codes\.h$/ {
	if (match($0, /X\(CODE_[A-Z0-9_]+, "[a-z0-9-]+"/)) {
		split(substr($0, RSTART, RLENGTH), piece, "\"")
		wanted[piece[2]] = 1
	}
	next
}
FNR == 1 {
	finish()
	name = FILENAME
	sub(/.*\//, "", name)
	sub(/\.md$/, "", name)
	if (!(name in wanted))
		complain("dsl/explain/" name ".md: there is no such code in dsl/codes.h")
	delete wanted[name]
	part = inside = open = 0
	printf "\t{ \"%s\"", name
}
/^```/ {
	inside = !inside
	part += !inside
	open = 0
	next
}
!inside && /^(Wrong|Right):$/ { next }
!inside && /^$/ {
	part += open
	open = 0
	next
}
{
	printf "%s\n\t  %s", open ? "" : ",", quoted($0)
	open = 1
}
END {
	if (!bad)
		finish()
	for (word in wanted)
		if (!bad)
			complain("dsl/explain/" word ".md is missing: every code is explained")
	exit bad
}
