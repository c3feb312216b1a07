// What a person sees in an editor: the schema in a real YAML language server, spoken to over its pipes.
//
//	node server.js PROGRAM     in the project's folder, with NODE_PATH at the packages of package.json
"use strict";
const { spawn, spawnSync } = require("child_process");
const fs = require("fs");
const os = require("os");
const path = require("path");
const { pathToFileURL } = require("url");
const rpc = require("vscode-jsonrpc/node");

const program = process.argv[2];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "editor-"));
let passed = 0;
let failed = 0;

function check(what, good, why) {
	if (good) return void passed++;
	failed++;
	console.log(`FAIL ${what}: ${why}`);
}

// "yaml.schemas" of the first ```json block of the manual.
function recipe() {
	const block = /```json\n([^]*?)```/.exec(fs.readFileSync("docs/RULES.md", "utf8"));
	return JSON.parse(block[1])["yaml.schemas"];
}

class Server {
	constructor() {
		const bin = path.join(process.env.NODE_PATH, "yaml-language-server", "bin", "yaml-language-server");
		this.child = spawn(process.execPath, [bin, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
		this.rpc = rpc.createMessageConnection(
			new rpc.StreamMessageReader(this.child.stdout), new rpc.StreamMessageWriter(this.child.stdin));
		this.waiting = new Map();
		this.rpc.onRequest("workspace/configuration", ({ items }) => items.map((item) => this.settings(item.section)));
		this.rpc.onRequest("client/registerCapability", () => null);
		this.rpc.onNotification("textDocument/publishDiagnostics", ({ uri, diagnostics }) => {
			const told = this.waiting.get(uri);
			if (told) told(diagnostics);
		});
		this.rpc.listen();
	}

	// The settings that the manual tells; and no network.
	settings(section) {
		const yaml = { validate: true, hover: true, completion: true, schemaStore: { enable: false }, schemas: recipe() };
		return section === "yaml" ? yaml : {};
	}

	async start() {
		await this.rpc.sendRequest("initialize", {
			processId: process.pid,
			rootUri: pathToFileURL(folder).href,
			workspaceFolders: [{ uri: pathToFileURL(folder).href, name: "editor" }],
			capabilities: {
				workspace: { configuration: true, didChangeConfiguration: {}, workspaceFolders: true },
				textDocument: {
					completion: { completionItem: { snippetSupport: false, documentationFormat: ["markdown"] } },
					hover: { contentFormat: ["markdown"] },
				},
			},
		});
		await this.rpc.sendNotification("initialized", {});
		await this.rpc.sendNotification("workspace/didChangeConfiguration", { settings: { yaml: this.settings("yaml") } });
	}

	// Opens a text, in which ^ is where the cursor stands; answers where that is and what is wrong with the text.
	async open(name, text) {
		const uri = pathToFileURL(path.join(folder, "rules.d", name)).href;
		const before = text.slice(0, Math.max(text.indexOf("^"), 0)).split("\n");
		const position = { line: before.length - 1, character: before[before.length - 1].length };
		const told = new Promise((resolve) => this.waiting.set(uri, resolve));
		await this.rpc.sendNotification("textDocument/didOpen", {
			textDocument: { uri, languageId: "yaml", version: 1, text: text.replace("^", "") },
		});
		return { textDocument: { uri }, position, diagnostics: (await told).map((d) => d.message) };
	}

	async completes(name, text) {
		const { textDocument, position } = await this.open(name, text);
		const list = await this.rpc.sendRequest("textDocument/completion", { textDocument, position });
		return list.items;
	}

	async hovers(name, text) {
		const { textDocument, position } = await this.open(name, text);
		const hover = await this.rpc.sendRequest("textDocument/hover", { textDocument, position });
		return hover ? hover.contents.value : "";
	}

	stop() {
		this.rpc.dispose();
		this.child.kill();
	}
}

function writeSchema(name, ...options) {
	const out = spawnSync(program, ["schema", ...options], { encoding: "utf8", maxBuffer: 1 << 28 });
	fs.writeFileSync(path.join(folder, name), out.stdout);
}

function labels(items) {
	return items.map((i) => i.label.replace(/^"(.*)"$/, "$1"));
}

function has(what, items, ...wanted) {
	const got = labels(items);
	for (const word of wanted) check(`${what}: ${word}`, got.includes(word), `only ${got.join(" ")}`);
}

function lacks(what, items, ...unwanted) {
	const got = labels(items);
	for (const word of unwanted) check(`${what}: not ${word}`, !got.includes(word), `${got.join(" ")}`);
}

const RULE = "rule: gold\ntrigger:\n  event: property-changed\n  property: tier\n";
const ACTION = "action:\n  do: issue-credential\n  group: g\n";

async function keys(server) {
	has("an empty file", await server.completes("empty.yaml", `^`), "rule", "account");
	const rule = await server.completes("rule.yaml", `${RULE}^\n${ACTION}`);
	has("keys of a rule", rule, "mode", "repeat", "missing-email", "brake", "since", "description");
	lacks("keys of a rule", rule, "trigger", "hubspot", "account", "property");
	has("keys of a trigger", await server.completes("trigger.yaml", `${RULE}  ^\n${ACTION}`),
		"from", "to", "settle", "filters");
	lacks("keys of a trigger of a property", await server.completes("trigger2.yaml", `${RULE}  ^\n${ACTION}`), "list");
	has("keys of a trigger of a list",
		await server.completes("list.yaml", `rule: a\ntrigger:\n  event: list-added\n  ^\n${ACTION}`), "list", "settle");
	const operators = await server.completes("test.yaml", `${RULE}  filters:\n    - property: country\n      ^\n${ACTION}`);
	has("operators", operators, "is", "in", "at-least", "known", "matches");
	lacks("operators", operators, "any", "trigger");
	const inside = await server.completes("not.yaml",
		`${RULE}  filters:\n    - any:\n        - not:\n            ^\n${ACTION}`);
	has("filters inside filters", inside, "property", "any", "all", "not");
	const fields = await server.completes("fields.yaml", `${RULE}${ACTION}  fields:\n    ^\n`);
	has("fields", fields, "recipient.name", "recipient.email", "issue-date", "expiry-date");
	has("keys of an account", await server.completes("account.yaml", `account: a\nhubspot:\n  ^\n`),
		"token", "oauth", "poll", "base-url");
	has("the second document of a file", await server.completes("second.yaml", `account: a\ncertifier:\n  token: \${T}\n---\n` +
		`${RULE}  ^\n${ACTION}`), "from", "to");
}

async function words(server) {
	has("events", await server.completes("event.yaml", `rule: a\ntrigger:\n  event: ^\n${ACTION}`),
		"property-changed", "list-added");
	const modes = await server.completes("mode.yaml", `${RULE}${ACTION}mode: ^\n`);
	has("modes", modes, "live", "shadow", "off");
	const shadow = modes.find((m) => m.label === "shadow");
	check("a word is explained", shadow && JSON.stringify(shadow.documentation).includes("issues nothing"),
		JSON.stringify(shadow));
	has("true or false", await server.completes("flag.yaml", `${RULE}${ACTION}  issue: ^\n`), "true", "false");
	has("versions of the API", await server.completes("api.yaml", `account: a\nhubspot:\n  api: ^\n`), "2026-03", "v3");
}

async function finds(server, name, text, ...wanted) {
	const { diagnostics } = await server.open(name, text);
	for (const word of wanted)
		check(`${name}: ${word}`, diagnostics.some((d) => d.includes(word)), diagnostics.join("; ") || "nothing is found");
	if (!wanted.length) check(name, diagnostics.length === 0, diagnostics.join("; "));
}

async function faults(server) {
	await finds(server, "fine.yaml", RULE + ACTION);
	await finds(server, "wrong-key.yaml", `${RULE}  too: Gold\n${ACTION}`, "Property too is not allowed");
	await finds(server, "wrong-word.yaml", `${RULE}${ACTION}mode: shadwo\n`, '"shadow"');
	await finds(server, "missing.yaml", "rule: a\ntrigger:\n  event: list-added\n" + ACTION, 'Missing property "list"');
	await finds(server, "duration.yaml", `${RULE}  settle: 5 minutes\n${ACTION}`, "a duration is digits and a unit");
	await finds(server, "label.yaml", RULE.replace("tier", "Membership Tier") + ACTION, "not the label");
	await finds(server, "secret.yaml", "account: a\ncertifier:\n  token: cfp_live_1234\n", "never written out");
	await finds(server, "two.yaml", `${RULE}  filters:\n    - { property: a, is: b, in: [c] }\n${ACTION}`, "more properties");
}

async function told(server) {
	const settle = await server.hovers("hover.yaml", `${RULE}  se^ttle: 5m\n${ACTION}`);
	check("hover: title", settle.includes("Settle"), settle);
	check("hover: meaning", settle.includes("Wait this long for further changes"), settle);
	const field = await server.hovers("hover-field.yaml", `${RULE}${ACTION}  fields:\n    custom.ti^er: x\n`);
	check("hover: functions of templates", field.includes("default('text')") && field.includes("event.to"), field);
	const operator = await server.hovers("hover-operator.yaml",
		`${RULE}  filters:\n    - { property: a, at-le^ast: 3 }\n${ACTION}`);
	check("hover: an operator", operator.includes("this or more"), operator);
}

// Elsewhere a file names its schema itself; that holds for the document below it.
async function modeline(server) {
	const line = "# yaml-language-server: $schema=../rules.d/hs2cert.schema.json\n";
	fs.mkdirSync(path.join(folder, "other"));
	const keys = await server.completes("../other/rules.yaml", `${line}${RULE}  ^\n${ACTION}`);
	has("a file that names its schema", keys, "from", "to");
	lacks("a file that names none", await server.completes("../other/none.yaml", `${RULE}  ^\n${ACTION}`), "from");
}

async function ruleTests(server) {
	const TEST = "test: a\nsteps:\n  - at: 0s\n    delete: { contact: 101 }\n";
	has("keys of a test", await server.completes("tests/keys.yaml", `${TEST}^\n`), "contacts", "lists", "expect", "start");
	has("keys of a step", await server.completes("tests/step.yaml", "test: a\nsteps:\n  - at: 0s\n    ^\nexpect: []\n"),
		"set", "create", "merge", "restart", "certifier");
	has("keys of an expectation", await server.completes("tests/expect.yaml", `${TEST}expect:\n  - rule: a\n    ^\n`),
		"contact", "state", "recipient.name");
	has("states", await server.completes("tests/state.yaml", `${TEST}expect:\n  - rule: a\n    state: ^\n`),
		"sent", "held", "skipped");
	await finds(server, "tests/wrong.yaml", `${TEST}expects: []\n`, "Property expects is not allowed", 'Missing property "expect"');
}

// The slips that the manual shows, with what it says that the editor says.
async function manual(server, withNames) {
	const rows = [...fs.readFileSync("docs/RULES.md", "utf8").split("the editor says |")[1].split("\n\n")[0]
		.matchAll(/^\| `(.*)` \| (.*) \|$/gm)].map((m) => [m[1], m[2]]);
	check("the manual shows slips", rows.length > 5, rows.length);
	for (const [slip, said] of rows) {
		if (said.includes("hs2cert.lock") !== withNames) continue;
		const key = slip.split(":")[0];
		const lines = { event: "property-changed", property: "membership_tier" };
		if (key !== "brake") lines[key] = slip.slice(key.length + 2);
		const text = `rule: gold\ntrigger:\n${Object.entries(lines).map(([k, v]) => `  ${k}: ${v}\n`).join("")}` +
			ACTION.replace(": g", ": 01g90279gp5sbmfek7wymcsvec") + (key === "brake" ? `${slip}\n` : "");
		await finds(server, `slip-${key}-${withNames}.yaml`, text, said);
	}
}

// With the names of a portal.
async function names(server) {
	const property = await server.completes("names.yaml", `rule: a\ntrigger:\n  event: property-changed\n  property: ^\n${ACTION}`);
	has("properties", property, "country", "interests", "membership_tier");
	lacks("properties", property, "tier");
	const tier = property.find((p) => p.label === "membership_tier");
	check("a property has its label", tier && JSON.stringify(tier.documentation).includes("Membership tier"), JSON.stringify(tier));
	const OF_TIER = RULE.replace("tier", "membership_tier");
	has("options", await server.completes("options.yaml", `${OF_TIER}  to: ^\n${ACTION}`), "gold", "silver");
	has("options in a list", await server.completes("several.yaml", `${OF_TIER}  to:\n    - gold\n    - ^\n${ACTION}`), "silver");
	has("options in a test",
		await server.completes("is.yaml", `${OF_TIER}  filters:\n    - property: membership_tier\n      is: ^\n${ACTION}`), "gold");
	has("properties in a test", await server.completes("where.yaml", `${OF_TIER}  filters:\n    - property: ^\n${ACTION}`), "country");
	has("lists", await server.completes("lists.yaml", `rule: a\ntrigger:\n  event: list-added\n  list: ^\n${ACTION}`),
		"4711", "Graduates 2026");
	has("groups", await server.completes("groups.yaml", `${OF_TIER}action:\n  do: issue-credential\n  group: ^\n`),
		"01g90279gp5sbmfek7wymcsvec");
	has("attributes", await server.completes("attributes.yaml", `${OF_TIER}${ACTION}  fields:\n    ^\n`), "custom.tier");
	has("properties in a rule test",
		await server.completes("tests/set.yaml", "test: a\nsteps:\n  - at: 0s\n    set:\n      contact: 101\n      ^\nexpect: []\n"),
		"membership_tier", "country");
	const GROUP = ACTION.replace(": g", ": 01g90279gp5sbmfek7wymcsvec");
	await finds(server, "known.yaml", OF_TIER + GROUP);
	await finds(server, "unknown.yaml", RULE + GROUP, "no property has this internal name");
	await finds(server, "option.yaml", `${OF_TIER}  to: Gold\n${GROUP}`, "no such option");
	await finds(server, "group.yaml", OF_TIER + ACTION, "no group has this id");
	const hover = await server.hovers("hover-group.yaml", `${OF_TIER}action:\n  do: issue-credential\n  group: 01g9^0279gp5sbmfek7wymcsvec\n`);
	check("hover: a group's name", hover.includes("Tier badge"), hover);
}

async function main() {
	let server = new Server();
	const late = setTimeout(() => {
		console.log("FAIL the language server did not answer within two minutes");
		server.stop();
		process.exit(1);
	}, 120000);
	fs.mkdirSync(path.join(folder, "rules.d", "tests"), { recursive: true });
	writeSchema("rules.d/hs2cert.schema.json", "--rules", folder);
	writeSchema("rules.d/tests/hs2cert.schema.json", "--rules", folder, "--tests");
	await server.start();
	const head = writeSchema("rules.json");
	for (const part of [keys, words, faults, told, modeline, ruleTests]) await part(server);
	await manual(server, false);
	server.stop();
	writeSchema("rules.d/hs2cert.schema.json", "--rules", "tests/editor/portal");
	writeSchema("rules.d/tests/hs2cert.schema.json", "--rules", "tests/editor/portal", "--tests");
	server = new Server();
	await server.start();
	await names(server);
	await manual(server, true);
	clearTimeout(late);
	server.stop();
	fs.rmSync(folder, { recursive: true });
	console.log(`server: ${passed} passed, ${failed} failed`);
	process.exit(failed ? 1 : 0);
}

main().catch((e) => {
	console.log(`FAIL ${e.stack}`);
	process.exit(1);
});
