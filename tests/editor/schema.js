// Holds the schema beside `validate`: what one accepts the other accepts, and both refuse what is wrong in structure.
//
//	node schema.js PROGRAM     in the project's folder, with NODE_PATH at the packages of package.json
//
// Whether a fault is one of structure is told by the code of its diagnostic, not by the name of a file.
"use strict";
const { spawnSync } = require("child_process");
const fs = require("fs");
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
const UNSEEN = /a value of '.*' is missing/;

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
const rules = schema();
check("the schema is one", ajv.validateSchema(rules), ajv.errorsText());
const acceptsRules = ajv.compile(rules);

for (const folder of ["rules.d", "tests/rules/good", "tests/rules/warn"])
	for (const file of files(folder, folder !== "rules.d")) {
		const why = complaint(acceptsRules, file);
		check(`${file} is accepted`, why === null, why);
	}
check("rules.d is valid", validates("rules.d"));

// What the golden diagnostics of a bad file say: [[code, message]…] of the errors.
function diagnostics(file) {
	return fs
		.readFileSync(file.replace(/\.yaml$/, ".txt"), "utf8")
		.split("\n")
		.map((line) => /^\S+:\d+:\d+: error: (.*) \[([a-z0-9-]+)\]$/.exec(line))
		.filter(Boolean)
		.map((m) => [m[2], m[1]]);
}

let structural = 0;
for (const file of files("tests/rules/bad", false)) {
	const wrong = diagnostics(file);
	check(`${file} is refused by validate`, !validates(file));
	if (!wrong.some(([code, message]) => STRUCTURE.has(code) && !UNSEEN.test(message))) continue;
	structural++;
	check(`${file} is refused by the schema`, complaint(acceptsRules, file) !== null,
		wrong.map(([code]) => code).join(" "));
}
check("bad files of structure", structural > 80, `${structural}`);

console.log(`schema: ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
