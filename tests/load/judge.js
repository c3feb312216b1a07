// What was earned, by the histories that the sandboxes keep and the rules as people read them, against what was issued
// and mailed. Shares nothing with the engine.
'use strict';

const STEPS = '01hv2c7w4n1x8k9q3r5t6y7z0b';
const TIERS = '01g90279gp5sbmfek7wymcsvec';
const GRADUATES = '01hsq6mmf8cw0v6zzh5p3a2k1d';
const ACTIVE = '01j0d5q8m2f7s4v6w8x1y3z5a9';
const SETTLE_MS = 4000; // of tiers
const CREATION_MS = 10000;

const key = (group, email, value) => `${group} ${email} ${value}`;
const add = (counts, what) => counts.set(what, (counts.get(what) || 0) + 1);

// A first value so soon after the creation is what the contact was created with, and earns nothing.
const born = (c, history) => (history.length && Date.parse(history[0].at) - Date.parse(c.created) <= CREATION_MS ? 1 : 0);

function earnedByTiers(c, history) {
	const from = born(c, history);
	let before = from ? history[0].value : '', n = 0;
	for (let i = from; i < history.length; i++) {
		const more = i + 1 < history.length && Date.parse(history[i + 1].at) - Date.parse(history[i].at) < SETTLE_MS;
		if (more)
			continue;
		n += history[i].value === 'Gold' && before !== 'Gold';
		before = history[i].value;
	}
	return n;
}

// Contacts and members that the load made: those that a sandbox begins with are not touched.
function earned(states) {
	const counts = new Map();
	for (const state of states) {
		const email = new Map();
		for (const c of state.contacts.filter((one) => one.id >= 10000)) {
			const address = c.history.email.at(-1).value;
			email.set(c.id, address);
			const steps = c.history.step || [];
			for (const entry of steps.slice(born(c, steps)))
				add(counts, key(STEPS, address, entry.value));
			for (let n = earnedByTiers(c, c.history.membership_tier || []); n; n--)
				add(counts, key(TIERS, address, 'Gold'));
		}
		for (const list of state.lists)
			for (const member of list.members.filter((one) => email.has(one.contact)))
				add(counts, key(list.id === 4711 ? GRADUATES : ACTIVE, email.get(member.contact), ''));
	}
	return counts;
}

function issued(state) {
	const counts = new Map();
	for (const c of state.credentials.filter((one) => one.issued))
		add(counts, key(c.group, c.email, c.custom['custom.course'] || c.custom['custom.tier'] || ''));
	return counts;
}

const sum = (counts) => [...counts.values()].reduce((a, b) => a + b, 0);

// Every difference as a line.
function judge(states, desk) {
	const want = earned(states), got = issued(desk), mails = new Map(), wrong = [];
	for (const m of desk.mails)
		add(mails, m.credential);
	for (const what of new Set([...want.keys(), ...got.keys()]))
		if (want.get(what) !== got.get(what))
			wrong.push(`${what}: ${want.get(what) || 0} earned, ${got.get(what) || 0} issued`);
	for (const c of desk.credentials)
		if (!c.issued)
			wrong.push(`a draft was left: ${c.id}`);
		else if (mails.get(c.id) !== 1)
			wrong.push(`${c.id} was mailed ${mails.get(c.id) || 0} times`);
	return { earned: sum(want), issued: sum(got), mails: desk.mails.length, wrong };
}

module.exports = { judge, earned, issued, sum, groups: { STEPS, TIERS, GRADUATES, ACTIVE }, SETTLE_MS };
