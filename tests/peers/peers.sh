#!/bin/sh
# hs2cert beside what people would run instead, on the same work: peers.sh BUILD FOLDER. FOLDER is where `make bench-peers` put them.
# Some three minutes. What a peer cannot do is said in its line; nothing is asserted but that all find the same.
set -u
here=$(dirname "$(realpath "$0")")
build=$(realpath "$1")
folder=$(realpath "$2")
seconds=2

row() { # WHAT OURS THEIRS NAME BETTER
	awk -v what="$1" -v ours="$2" -v theirs="$3" -v name="$4" -v more="$5" '
	function show(n) { return sprintf(n < 100 ? "%.2f" : "%.0f", n) }
	BEGIN {
		if (theirs !~ /^[0-9.]+$/ || theirs == 0) { printf "  %-42s %12s  %-18s did not run\n", what, show(ours), name; exit }
		printf "  %-42s %12s  %-18s %12s  %sx\n", what, show(ours), name, show(theirs), show(more ? ours / theirs : theirs / ours) }'
}

printf '  %-42s %12s  %-18s %12s  %s\n' what hs2cert peer "peer's" better
for rules in 1000 10000; do
	"$build/tests/bench/bench" --workload $rules "$folder" || exit 1
	ns=$("$build/tests/bench/bench" --match $rules | awk '/on watched/ { for (i = 2; i <= NF; i++) if ($i == "ns") { print $(i - 1); exit } }')
	ours=$(awk -v ns="$ns" 'BEGIN { print 1e9 / ns }')
	for peer in clips json-rules-engine zen-engine; do
		if [ $peer = clips ]; then
			theirs=$(timeout 120 "$folder/clips" "$folder/rules-$rules.tsv" "$folder/events-$rules.tsv" $seconds)
		else
			theirs=$(NODE_PATH=$folder/node_modules timeout 120 node "$here/rules.js" $peer "$folder/rules-$rules.tsv" "$folder/events-$rules.tsv" $seconds)
		fi
		row "events/s against $rules rules" "$ours" "$theirs" $peer 1
	done
done
timeout 300 node "$here/pipeline.js" "$build/hs2cert" "$folder" >"$folder/pipeline.tsv"
while IFS="$(printf '\t')" read -r what ours theirs; do
	case $what in *events/s*) more=1 ;; *) more=0 ;; esac
	row "$what" "$ours" "$theirs" node-red $more
done <"$folder/pipeline.tsv"
