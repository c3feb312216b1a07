// The material for CI in contrib/, held to what the program prints and takes.
//
//	node ci.js PROGRAM     in the project's folder, with NODE_PATH at the packages of package.json
"use strict";
const { spawnSync } = require("child_process");
const fs = require("fs");
const path = require("path");
const yaml = require("yaml");

const program = process.argv[2];
let passed = 0;
let failed = 0;

function check(what, good, why) {
	if (good) return void passed++;
	failed++;
	console.log(`FAIL ${what}: ${why}`);
}

function run(...args) {
	return spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28 });
}

// ---- the problem matcher: of each diagnostic it reads what the JSON form says

const [{ pattern: [pattern] }] = JSON.parse(fs.readFileSync("contrib/problem-matcher.json", "utf8")).problemMatcher;
const regexp = new RegExp(pattern.regexp);
const files = ["bad", "warn"].flatMap((kind) =>
	fs.readdirSync(path.join("tests/rules", kind)).filter((f) => f.endsWith(".yaml")).map((f) => path.join("tests/rules", kind, f)));
const text = run("validate", ...files).stdout;
const json = JSON.parse(run("validate", "--json", ...files).stdout);
const matched = text.split("\n").map((line) => regexp.exec(line)).filter(Boolean)
	.map((m) => [pattern.file, pattern.line, pattern.column, pattern.severity, pattern.message, pattern.code].map((i) => m[i]).join("|"));
const told = json.diagnostics.map((d) => [d.file, d.line, d.column, d.severity, d.message, d.code].join("|"));
check("there are diagnostics", told.length > 200, told.length);
check("as many lines as diagnostics", matched.length === told.length, `${matched.length}, not ${told.length}`);
told.forEach((d, i) => check(`matched: ${d}`, matched[i] === d, matched[i]));

// ---- commands: each that is shown is there, and takes the options that it is given

function options(command) {
	const help = run(command, "--help");
	return help.status === 0 ? [...help.stdout.matchAll(/^ {4}--([a-z-]+)/gm)].map((m) => m[1]) : null;
}

function commands(name, lines) {
	let shown = 0;
	for (const line of lines)
		for (const m of line.matchAll(/(?:^|[ "$])hs2cert"? ([a-z]+)((?: [^ |>&;]+)*)/g)) {
			const known = options(m[1]);
			check(`${name}: hs2cert ${m[1]}`, known !== null, "there is no such command");
			shown++;
			for (const [, option] of m[2].matchAll(/ --([a-z-]+)/g))
				check(`${name}: hs2cert ${m[1]} --${option}`, known && known.includes(option), "there is no such option");
		}
	check(`${name} shows commands`, shown > 0, "none");
}

const workflow = yaml.parse(fs.readFileSync("contrib/github-workflow.yaml", "utf8"));
const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
for (const step of steps) check(`step ${step.name || step.uses}`, !!step.run !== !!step.uses, "runs and uses exclude each other");
commands("workflow", steps.map((s) => s.run || "").filter((r) => r.startsWith("hs2cert")));

const hooks = yaml.parse(fs.readFileSync("contrib/pre-commit-config.yaml", "utf8")).repos.flatMap((r) => r.hooks);
for (const hook of hooks) {
	check(`hook ${hook.id}: keys`, hook.id && hook.name && hook.entry && hook.language === "system", JSON.stringify(hook));
	check(`hook ${hook.id}: files`, new RegExp(hook.files).test("rules.d/10-tier-badge.yaml"), hook.files);
	const [, ...args] = hook.entry.split(" ");
	const out = run(...args);
	check(`hook ${hook.id} passes on the examples`, out.status === 0, out.stdout + out.stderr);
}
commands("hooks", hooks.map((h) => h.entry));
commands("pre-commit", fs.readFileSync("contrib/pre-commit", "utf8").split("\n").filter((l) => !l.startsWith("#")));

console.log(`ci: ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
