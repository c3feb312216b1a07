// Holds the schema beside `validate`: what one accepts the other accepts, and both refuse what is wrong in structure.
//
//	node schema.js PROGRAM     in the project's folder, with NODE_PATH at the packages of package.json
//
// Whether a fault is one of structure is told by the code of its diagnostic, not by the name of a file.
"use strict";
const { spawnSync } = require("child_process");
const fs = require("fs");
const os = require("os");
const path = require("path");
const Ajv = require("ajv");
const yaml = require("yaml");

const program = process.argv[2];
let passed = 0;
let failed = 0;

function check(what, good, why) {
	if (good) return void passed++;
	failed++;
	console.log(`FAIL ${what}${why ? ": " + why : ""}`);
}

// Codes whose faults a schema can see: keys, types, closed sets of words, what must be there and what excludes it.
const STRUCTURE = new Set([
	"unknown-document", "unknown-key", "missing-key", "missing-value", "wrong-type", "conflicting-keys",
	"unknown-value", "unknown-operator", "unknown-field", "empty-operand", "inline-secret", "bad-secret",
	"bad-rate", "bad-number", "bad-key", "duplicate-key",
]);

// YAML readers hand on nothing for both of these: a plain null, which is a text, and a list entry that is missing.
// And two ids that must differ are no matter of structure.
const UNSEEN = /a value of '.*' is missing|a contact is not merged with itself/;

function schema(...options) {
	const out = spawnSync(program, ["schema", ...options], { encoding: "utf8", maxBuffer: 1 << 28 });
	check(`schema ${options.join(" ")}`, out.status === 0 && out.stderr === "", out.stderr);
	return JSON.parse(out.stdout);
}

// What a language server would complain of, or null: YAML it cannot read, a map that it cannot, or the schema.
function complaint(accepts, file) {
	for (const document of yaml.parseAllDocuments(fs.readFileSync(file, "utf8"))) {
		if (document.errors.length) return document.errors[0].message;
		if (document.contents === null || (yaml.isScalar(document.contents) && document.contents.value === null)) continue;
		let value;
		try {
			value = document.toJS();
		} catch (e) {
			return e.message;
		}
		if (!accepts(value)) return accepts.errors.map((e) => `${e.instancePath} ${e.message}`).join("; ");
	}
	return null;
}

function files(folder, deep) {
	return fs
		.readdirSync(folder, { withFileTypes: true })
		.flatMap((e) => {
			const at = path.join(folder, e.name);
			if (e.isDirectory()) return deep ? files(at, false) : [];
			return e.isFile() && /^[^.].*\.ya?ml$/.test(e.name) ? [at] : [];
		})
		.sort();
}

function validates(...paths) {
	return spawnSync(program, ["validate", ...paths], { encoding: "utf8" }).status === 0;
}

const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });

function compiled(...options) {
	const one = schema(...options);
	check(`schema ${options.join(" ")} is one`, ajv.validateSchema(one), ajv.errorsText());
	return ajv.compile(one);
}

function accepts(accepter, folder, deep) {
	const all = files(folder, deep);
	check(`${folder} has files`, all.length > 0, "none");
	for (const file of all) {
		const why = complaint(accepter, file);
		check(`${file} is accepted`, why === null, why);
	}
}

// What the golden diagnostics of a bad file say: [[code, message]…] of the errors.
function diagnostics(file) {
	return fs
		.readFileSync(file.replace(/\.yaml$/, ".txt"), "utf8")
		.split("\n")
		.map((line) => /^\S+:\d+:\d+: error: (.*) \[([a-z0-9-]+)\]$/.exec(line))
		.filter(Boolean)
		.map((m) => [m[2], m[1]]);
}

// Bad files whose fault is one of structure are refused; answers how many there were.
function refuses(accepter, folder, known) {
	let structural = 0;
	for (const file of files(folder, false)) {
		const wrong = diagnostics(file);
		if (known) check(`${file} is refused by validate`, !validates(file));
		if (!wrong.some(([code, message]) => STRUCTURE.has(code) && !UNSEEN.test(message))) continue;
		structural++;
		check(`${file} is refused by the schema`, complaint(accepter, file) !== null,
			wrong.map(([code]) => code).join(" "));
	}
	return structural;
}

// The language alone, in a folder without a lock; the examples also with the one beside them.
const bare = fs.mkdtempSync(path.join(os.tmpdir(), "bare-"));
const rules = compiled("--rules", bare);
accepts(rules, "rules.d", false);
accepts(compiled(), "rules.d", false);
accepts(rules, "tests/rules/good", false);
accepts(rules, "tests/rules/warn", false);
check("rules.d is valid", validates("rules.d"));
check("bad files of structure", refuses(rules, "tests/rules/bad", true) > 80, "too few");

const tests = compiled("--rules", bare, "--tests");
fs.rmdirSync(bare);
accepts(tests, "rules.d/tests", false);
accepts(compiled("--tests"), "rules.d/tests", false);
check("bad tests of structure", refuses(tests, "tests/rules/tests", false) > 5, "too few");

// With a lock, its names are all that there is.
const portal = compiled("--rules", "tests/editor/portal");
const expected = compiled("--rules", "tests/editor/portal", "--tests");

function says(what, accepter, text, good) {
	const value = yaml.parse(text);
	check(`${what} is ${good ? "accepted" : "refused"}`, accepter(value) === good, JSON.stringify(accepter.errors));
}

function rule(trigger, action = "group: 01g90279gp5sbmfek7wymcsvec") {
	return `rule: a\ntrigger: { ${trigger} }\naction: { do: issue-credential, ${action} }\n`;
}

const CHANGED = "event: property-changed, property: membership_tier";
for (const [what, trigger, good] of [
	["a property", CHANGED, true],
	["an unknown property", "event: property-changed, property: membershp_tier", false],
	["an option", `${CHANGED}, to: gold`, true],
	["options and the empty value", `${CHANGED}, to: [gold, 1, "1", ""]`, true],
	["an option's label", `${CHANGED}, to: Gold`, false],
	["an option's label in a list", `${CHANGED}, to: [silver, Gold]`, false],
	["an option that is gone, before", `${CHANGED}, from: [silver, bronze]`, true],
	["any value of a text", "event: property-changed, property: country, to: PL", true],
	["several options ticked", "event: property-changed, property: interests, to: art;chess", true],
	["a list's id", "event: list-added, list: 4711", true],
	["a list's name", "event: list-added, list: Graduates 2026", true],
	["another list", "event: list-added, list: 4712", false],
	["an id in quotes, which is a name", 'event: list-added, list: "4711"', false],
	["a test of an option", `${CHANGED}, filters: [{ property: membership_tier, is-not: gold }]`, true],
	["a test of no option", `${CHANGED}, filters: [{ property: membership_tier, in: [gold, bronze] }]`, false],
	["a ticked option", `${CHANGED}, filters: [{ not: { property: interests, has: art } }]`, true],
	["no ticked option", `${CHANGED}, filters: [{ any: [{ property: interests, has: Art }] }]`, false],
	["a test of an unknown property", `${CHANGED}, filters: [{ property: tier, known: true }]`, false],
])
	says(what, portal, rule(trigger), good);
says("a field", portal, rule(CHANGED, "group: 01g90279gp5sbmfek7wymcsvec, fields: { custom.tier: x }"), true);
says("an unknown attribute", portal, rule(CHANGED, "group: 01g90279gp5sbmfek7wymcsvec, fields: { custom.teir: x }"), false);
says("an unknown group", portal, rule(CHANGED, "group: 01g90279gp5sbmfek7wymcsvx"), false);

function test(step, entry = "rule: a, contact: 101, custom.tier: Gold") {
	return `test: a\ncontacts: [{ id: 101, country: PL }]\nsteps: [{ at: 0s, ${step} }]\nexpect: [{ ${entry} }]\n`;
}
says("a test", expected, test("set: { contact: 101, membership_tier: gold }"), true);
says("a test that clears", expected, test('set: { contact: 101, membership_tier: "" }'), true);
says("a test with a label", expected, test("set: { contact: 101, membership_tier: Gold }"), false);
says("a test with an unknown property", expected, test("create: { id: 102, tier: gold }"), false);
says("a test with an unknown attribute", expected, test("delete: { contact: 101 }", "rule: a, contact: 101, custom.x: y"), false);
says("a test with an unknown state", expected, test("delete: { contact: 101 }", "rule: a, contact: 101, state: snet"), false);

console.log(`schema: ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
