// The rules of the mixed load, as written by somebody who edits them all the time: none of the edits changes what is earned.
'use strict';
const fs = require('node:fs');
const { groups, SETTLE_MS } = require('./judge.js');

function accounts(heard, polled, workspace, publicUrl) {
	return `account: heard
hubspot: { token: "\${HUBSPOT_TOKEN}", poll: 20s, base-url: "${heard}/hubspot",
  webhook: { public-url: "${publicUrl}", secret: "\${HOOK_SECRET}" } }
---
account: polled
hubspot: { token: "\${HUBSPOT_TOKEN}", poll: 5s, base-url: "${polled}/hubspot" }
---
account: certifier
certifier: { token: "\${CERTIFIER_TOKEN}", base-url: "${workspace}/certifier/v1", rate: 200/s }
`;
}

function ofAccount(account, edition) {
	const rule = (name, trigger, group, fields) => `rule: ${account}-${name}
description: edition ${edition}
brake: off
trigger: { account: ${account}, ${trigger} }
action: { do: issue-credential, group: ${group}, fields: { ${fields} } }
`;
	const cohort = `custom.cohort: "edition ${edition}"`;
	return [
		rule('steps', 'event: property-changed, property: step, settle: 0s', groups.STEPS, `custom.course: "{{ event.to }}", ${cohort}`),
		rule('tiers', `event: property-changed, property: membership_tier, to: Gold, settle: ${SETTLE_MS / 1000}s`,
			groups.TIERS, `custom.tier: "{{ event.to }}", ${cohort}`),
		rule('graduates', 'event: list-added, list: 4711, settle: 0s', groups.GRADUATES, cohort),
		rule('active', 'event: list-added, list: 4712, settle: 3s', groups.ACTIVE, cohort),
	].join('---\n');
}

// Every third edition has one more rule, in shadow.
function write(edition) {
	const shadow = edition % 3 ? '' : `---
rule: rehearsed
mode: shadow
trigger: { account: heard, event: property-changed, property: step, settle: 0s }
action: { do: issue-credential, group: ${groups.ACTIVE} }
`;
	fs.writeFileSync('rules.d/10-rules.yaml', `${ofAccount('heard', edition)}---\n${ofAccount('polled', edition)}${shadow}`);
}

// Not one of them empties the file: no rules are right, too, and would forget the ones that there were.
const breakages = [
	(text) => text.replace('settle: 0s', 'settle: soon'),
	(text) => `${text}---\nrule: [`,
	(text) => text.replace(/property: step/g, 'list: step'),
	(text) => `${text}---\naccount: more\nhubspot: { token: "\${NOT_SET}" }\n`,
	(text) => text.replace('{{ event.to }}', '{{ event.to | shout }}'),
	(text) => `${text}---\n${text}`,
];

function ruin(n) {
	const path = 'rules.d/10-rules.yaml';
	fs.writeFileSync(path, breakages[n % breakages.length](fs.readFileSync(path, 'utf8')));
}

module.exports = { accounts, write, ruin };
