// Holds each SARIF log that is named against the schema, and against what a schema cannot say.
// node check.js MODULES LOG…
"use strict";
const { readFileSync } = require("fs");
const { createRequire } = require("module");
const { resolve } = require("path");

const from = createRequire(resolve(process.argv[2]) + "/");
const Ajv = from("ajv");
const schema = from("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json");

const ajv = new Ajv({ schemaId: "auto", allErrors: true, meta: false });
ajv.addMetaSchema(from("ajv/lib/refs/json-schema-draft-04.json"));
const fits = ajv.compile(schema);

// That each result's index leads to the rule of its name, with the level that the rule has, and that rules have texts.
function faults(log) {
	const found = fits(log) ? [] : fits.errors.map((e) => `${e.dataPath}: ${e.message}`);
	for (const run of log.runs) {
		const rules = run.tool.driver.rules;
		for (const result of run.results) {
			const rule = rules[result.ruleIndex];
			if (!rule || rule.id !== result.ruleId) found.push(`${result.ruleId}: its index leads elsewhere`);
			else if (rule.defaultConfiguration.level !== result.level) found.push(`${result.ruleId}: another level`);
		}
		for (const rule of rules) {
			if (!run.results.some((result) => result.ruleId === rule.id)) found.push(`${rule.id}: does not occur`);
			for (const text of [rule.shortDescription, rule.fullDescription, rule.help])
				if (!text || !text.text) found.push(`${rule.id}: a text is missing`);
		}
	}
	return found;
}

let bad = 0;
for (const path of process.argv.slice(3))
	for (const fault of faults(JSON.parse(readFileSync(path, "utf8")))) {
		console.log(`${path}: ${fault}`);
		bad = 1;
	}
process.exit(bad);
