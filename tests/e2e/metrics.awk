# What `promtool check metrics` looks at, and more: reads Prometheus's text format, complains of what is wrong with it.
# Ends with 1 where it complained.
function complain(what) { print FILENAME ":" FNR ": " what ": " $0; bad = 1 }
function family_of(name) {
	if (name in type) return name
	base = name
	sub(/_(bucket|sum|count)$/, "", base)
	return (base in type) && type[base] == "histogram" ? base : ""
}
/^# HELP / {
	if (NF < 4) complain("no help")
	if ($3 in help) complain("a family twice")
	if ($0 !~ /\.$/) complain("help is a sentence")
	help[$3] = 1; open = $3; next
}
/^# TYPE / {
	if ($3 != open) complain("TYPE follows HELP")
	if ($4 !~ /^(counter|gauge|histogram)$/) complain("type")
	if (($4 == "counter") != ($3 ~ /_total$/)) complain("counters, and only they, end in _total")
	if ($3 !~ /^hs2cert_[a-z0-9_]+$/) complain("name")
	if ($3 ~ /(_ms|_milliseconds|_minutes|_kb|_gauge|_counter)(_|$)/) complain("no base unit")
	type[$3] = $4; next
}
/^#/ || /^$/ { complain("neither HELP, TYPE nor a sample"); next }
{
	if ($0 !~ /^[a-z0-9_]+(\{[a-z_]+="([^"\\]|\\[\\"n])*"(,[a-z_]+="([^"\\]|\\[\\"n])*")*\})? [0-9.+-e]+$/) complain("form")
	name = $0; sub(/[{ ].*/, "", name)
	if (family_of(name) != open) complain("a sample outside its family")
	key = $0; sub(/ [^ ]*$/, "", key)
	if (key in seen) complain("a sample twice")
	seen[key] = 1; samples[open]++
	if ($NF < 0) complain("less than nothing")
	if ($0 ~ /@/) complain("an address")
	n = key; gsub(/[^{,]/, "", n)
	if (length(n) > 2) complain("more than two labels")
	if (name ~ /_bucket$/) {
		if ($NF + 0 < last[open] + 0) complain("buckets add up")
		last[open] = $NF
	}
	if (name ~ /_count$/ && (open in type) && type[open] == "histogram" && $NF != last[open]) complain("+Inf is the count")
	if (samples[open] > 64) complain("too many of a family")
}
END {
	for (f in type) if (!samples[f] && f !~ /known_until/) { print "no sample: " f; bad = 1 }
	exit bad
}
