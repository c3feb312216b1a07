// One event against all rules: rules.js PEER RULES.tsv EVENTS.tsv SECONDS.
// Prints events a second; ends with 1 where another number of rules fires than the plain C reference found.
'use strict';
const fs = require('fs');
const [peer, rulesFile, eventsFile, seconds] = process.argv.slice(2);
const rows = (file) => fs.readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => line.split('\t'));

// As they are written by `bench --workload`.
const rules = rows(rulesFile).map(([property, value, one, two, number, least]) =>
	({ property, value, pattern: `@(${one.slice(0, -4)}|${two.slice(0, -4)})\\.com$`, number, least: +least }));
const events = rows(eventsFile).map((row) => ({
	facts: Object.fromEntries([['property', row[0]], ['value', row[1]], ['email', row[2]],
		...row.slice(3, 8).map((n, i) => [`n${i}`, +n])]),
	fires: +row[8],
}));

// Each gives a function from facts to how many rules fired.
const peers = {
	'json-rules-engine': () => {
		const { Engine } = require('json-rules-engine');
		const engine = new Engine();
		engine.addOperator('matches', (text, pattern) => pattern.test(text));
		rules.forEach((r, i) => engine.addRule({
			conditions: { all: [
				{ fact: 'property', operator: 'equal', value: r.property },
				{ fact: 'value', operator: 'equal', value: r.value },
				{ fact: 'email', operator: 'matches', value: new RegExp(r.pattern) },
				{ fact: `n${r.number}`, operator: 'greaterThanInclusive', value: r.least },
			] },
			event: { type: 'issue', params: { rule: i } },
		}));
		return async (facts) => (await engine.run(facts)).events.length;
	},
	'zen-engine': () => {
		const { ZenEngine, ZenDecisionContent } = require('@gorules/zen-engine');
		const fields = ['property', 'value', 'email', 'n0', 'n1', 'n2', 'n3', 'n4'];
		const cells = (r, i) => ({ _id: `r${i}`, property: `"${r.property}"`, value: `"${r.value}"`,
			email: `matches($, "${r.pattern}")`, [`n${r.number}`]: `>= ${r.least}`, out: `${i}` });
		// As content of its own it is compiled once.
		const decision = new ZenEngine().createDecision(new ZenDecisionContent({
			nodes: [
				{ id: 'in', name: 'in', type: 'inputNode', position: { x: 0, y: 0 } },
				{ id: 'table', name: 'table', type: 'decisionTableNode', position: { x: 1, y: 0 }, content: {
					hitPolicy: 'collect',
					inputs: fields.map((f) => ({ id: f, name: f, field: f })),
					outputs: [{ id: 'out', name: 'rule', field: 'rule' }],
					rules: rules.map((r, i) => ({ ...Object.fromEntries(fields.map((f) => [f, ''])), ...cells(r, i) })),
				} },
				{ id: 'out', name: 'out', type: 'outputNode', position: { x: 2, y: 0 } },
			],
			edges: [
				{ id: 'a', sourceId: 'in', targetId: 'table', type: 'edge' },
				{ id: 'b', sourceId: 'table', targetId: 'out', type: 'edge' },
			],
		}));
		return async (facts) => {
			const { result } = await decision.evaluate(facts);
			return Array.isArray(result) ? result.length : 0;
		};
	},
};

(async () => {
	const fired = peers[peer]();
	const from = process.hrtime.bigint();
	let n = 0, took = 0;
	for (; took < +seconds; n++) {
		const event = events[n % events.length];
		const count = await fired(event.facts);
		if (count !== event.fires) {
			console.error(`${peer}: ${count} rules fired, not ${event.fires}`);
			process.exit(1);
		}
		took = Number(process.hrtime.bigint() - from) / 1e9;
	}
	console.log((n / took).toFixed(1));
})();
