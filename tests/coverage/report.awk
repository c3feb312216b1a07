# Reads `gcov -t -b -c` and prints what was run, by folder and by file, or with show=FILE what was not.
#
#   line      one that gcc made code for; run when its count is above nought
#   branch    one way out of a decision, as gcc counts them without optimisation; taken likewise
#   marked    a branch on a line with a comment "defensive: REASON": left out, and counted as such
#   va_arg    the branches inside va_arg are the compiler's, not ours: left out
#   no case   likewise the way past a switch that names every word of its enum and has no default
#
# Sources that several objects include (headers) are merged by line.

# The stages on which the promise hangs, as files or functions: all their branches are to be taken.
BEGIN {
	stage["engine/inbox.c"] = "inbox"
	stage["engine/decide.c"] = "decide"
	stage["engine/decide_order.c"] = "decide"
	stage["engine/outbox.c"] = "outbox"
	stage["engine/certifier/issue.c"] = "issue"
	stage["engine/watch.c"] = "reload"
	split("engine/engine.c:origin_of engine/engine.c:origin_use engine/engine.c:origin_load " \
		"engine/engine.c:drop_undeclared engine/engine.c:engine_load engine/outbox.c:outbox_load " \
		"engine/cli/ground.c:ground_table engine/cli/ground.c:ground_secrets " \
		"engine/cli/run.c:not_emptied engine/cli/run.c:give_way engine/cli/run.c:begin_reload " \
		"engine/cli/run.c:take engine/cli/run.c:end_reload", part, " ")
	for (i in part)
		stage[part[i]] = "reload"
	stages = split("inbox decide outbox issue reload", stage_name, " ")
}

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

/^function / {
	within = $2
	next
}

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
	owner[key(number)] = within
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

function row(name, shown) {
	shown = name
	sub(/^stage /, "", shown)
	printf "  %-34s %6d %s   %6d %s   %5s\n", shown, lines[name], percent(lines_run[name], lines[name]),
		branches[name], percent(branches_taken[name], branches[name]), marked[name] ? marked[name] : ""
}

function add(name, f) {
	lines[name] += lines[f]
	lines_run[name] += lines_run[f]
	branches[name] += branches[f]
	branches_taken[name] += branches_taken[f]
	marked[name] += marked[f]
}

function stage_of(f, name) {
	if ((f ":" name) in stage)
		return "stage " stage[f ":" name]
	return f in stage ? "stage " stage[f] : "no stage"
}

# Whether line `number` is a switch without a default: its last way out is for words that there are none of.
function is_whole_switch(f, number, indent, line) {
	if (text[f SUBSEP number] !~ /^\t+switch \(/)
		return 0
	indent = text[f SUBSEP number]
	sub(/switch.*/, "", indent)
	for (number++; number <= last[f]; number++) {
		line = text[f SUBSEP number]
		if (line == indent "}")
			return 1
		if (line == indent "default:")
			return 0
	}
	return 0
}

# What of one file ran; says what did not where that is asked for.
function weigh(f, number, k, w, left_out, missing, whole, s) {
	for (number = 1; number <= last[f]; number++) {
		k = f SUBSEP number
		s = stage_of(f, owner[k])
		if (k in run) {
			lines[f]++
			lines_run[f] += run[k] > 0
			lines[s]++
			lines_run[s] += run[k] > 0
			if (f == show && run[k] == 0)
				printf "%s:%d: never run:        %s\n", f, number, text[k]
		}
		left_out = text[k] ~ /defensive: [^ ]/
		missing = ""
		whole = is_whole_switch(f, number)
		for (w = 1; w <= ways[k]; w++) {
			if (left_out) {
				marked[f]++
				marked[s]++
			} else if (text[k] ~ /va_arg\(/) {
				compilers++
			} else if (whole && w == ways[k]) {
				no_case++
			} else {
				branches[f]++
				branches_taken[f] += taken[k, w] > 0
				branches[s]++
				branches_taken[s] += taken[k, w] > 0
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
	heading("stage")
	for (i = 1; i <= stages; i++)
		row("stage " stage_name[i])
	heading("file")
	for (i = 1; i <= file_count; i++)
		row(files[i])
	printf "\nleft out: %d branches on lines marked defensive, %d inside va_arg, %d past a switch over a whole enum\n",
		marked["all"], compilers, no_case
	floor("all", 0.95, 0.90)
	for (i = 1; i <= stages; i++)
		floor("stage " stage_name[i], 0.95, 1)
	exit bad
}
