# Reads `gcov -t -b -c` and prints what was run, by folder and by file, or with show=FILE what was not.
#
#   line      one that gcc made code for; run when its count is above nought
#   branch    one way out of a decision, as gcc counts them without optimisation; taken likewise
#   marked    a branch on a line with a comment "defensive: REASON": left out, and counted as such
#   va_arg    the branches inside va_arg are the compiler's, not ours: left out
#
# Sources that several objects include (headers) are merged by line.

function key(n) { return file SUBSEP n }

/^ +-: +0:Source:/ {
	file = $0
	sub(/^.*0:Source:/, "", file)
	ours = file ~ /^(base|dsl|engine)\//
	if (ours && !(file in last)) {
		files[++file_count] = file
		last[file] = 0
	}
	next
}

!ours { next }

/^ *[-#=0-9*]+: *[0-9]+:/ {
	match($0, /^ *[-#=0-9*]+:/)
	count = substr($0, 1, RLENGTH - 1)
	rest = substr($0, RLENGTH + 1)
	match(rest, /^ *[0-9]+:/)
	number = substr(rest, 1, RLENGTH - 1) + 0
	branch = 0
	if (number == 0)
		next
	text[key(number)] = substr(rest, RLENGTH + 1)
	if (number > last[file])
		last[file] = number
	gsub(/ |\*/, "", count)
	if (count != "-")
		run[key(number)] += count + 0
	next
}

/^branch / {
	branch++
	taken[key(number), branch] += ($3 == "taken" ? $4 : 0)
	if (branch > ways[key(number)])
		ways[key(number)] = branch
	next
}

function percent(part, whole) { return whole ? sprintf("%5.1f", int(1000 * part / whole) / 10) : "    -" }

function row(name) {
	printf "  %-34s %6d %s   %6d %s   %5s\n", name, lines[name], percent(lines_run[name], lines[name]),
		branches[name], percent(branches_taken[name], branches[name]), marked[name] ? marked[name] : ""
}

function add(name, f) {
	lines[name] += lines[f]
	lines_run[name] += lines_run[f]
	branches[name] += branches[f]
	branches_taken[name] += branches_taken[f]
	marked[name] += marked[f]
}

# What of one file ran; says what did not where that is asked for.
function weigh(f, number, k, w, left_out, missing) {
	for (number = 1; number <= last[f]; number++) {
		k = f SUBSEP number
		if (k in run) {
			lines[f]++
			lines_run[f] += run[k] > 0
			if (f == show && run[k] == 0)
				printf "%s:%d: never run:        %s\n", f, number, text[k]
		}
		left_out = text[k] ~ /defensive: [^ ]/
		missing = ""
		for (w = 1; w <= ways[k]; w++) {
			if (left_out) {
				marked[f]++
			} else if (text[k] ~ /va_arg\(/) {
				compilers++
			} else {
				branches[f]++
				branches_taken[f] += taken[k, w] > 0
				if (taken[k, w] == 0)
					missing = missing " " w
			}
		}
		if (f == show && missing != "" && run[k] > 0)
			printf "%s:%d: of %d ways not%s: %s\n", f, number, ways[k], missing, text[k]
	}
}

function floor(name, least_lines, least_branches) {
	if (lines_run[name] < least_lines * lines[name] || branches_taken[name] < least_branches * branches[name]) {
		printf "coverage: %s is below %d %% of lines or %d %% of branches\n", name, 100 * least_lines,
			100 * least_branches
		bad = 1
	}
}

function folder_of(f) { sub(/\/[^\/]*$/, "", f); return f "/" }

function sort(list, count, i, j, item) {
	for (i = 2; i <= count; i++) {
		item = list[i]
		for (j = i - 1; j > 0 && list[j] > item; j--)
			list[j + 1] = list[j]
		list[j + 1] = item
	}
}

function heading(what) {
	printf "%s%-36s %6s %5s   %6s %5s   %5s\n", what == "folder" ? "" : "\n", what, "lines", "%", "branch", "%", "marked"
}

END {
	if (!file_count) {
		print "coverage: nothing was counted"
		exit 3
	}
	sort(files, file_count)
	for (i = 1; i <= file_count; i++) {
		f = files[i]
		weigh(f)
		d = folder_of(f)
		if (!(d in lines))
			folders[++folder_count] = d
		add(d, f)
		add("all", f)
	}
	if (show != "")
		exit 0
	sort(folders, folder_count)
	heading("folder")
	for (i = 1; i <= folder_count; i++)
		row(folders[i])
	row("all")
	heading("file")
	for (i = 1; i <= file_count; i++)
		row(files[i])
	printf "\nleft out: %d branches on lines marked defensive, %d inside va_arg\n", marked["all"], compilers
	exit bad
}
