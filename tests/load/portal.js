// A portal in which things happen to contacts: changes of two properties and joins of two lists, in bursts.
'use strict';
const http = require('node:http');
const { ask, pause } = require('./common.js');

const STEPS_MOST = 25;	// of one contact: its history must not overflow (HubSpot keeps 45 changes)
const TIERS_MOST = 8;	// bursts, of up to three changes
const POOL = 300;	// so many contacts live at a time
const REST_MS = 15000;	// between two bursts of one contact: a chain of bursts would be cut

class Portal {
	constructor(name, url, draw) {
		Object.assign(this, { name, draw, made: 0, people: [], changes: 0, joins: 0, problems: [] });
		const { hostname: host, port } = new URL(url);
		this.to = { host, port, agent: new http.Agent({ keepAlive: true, maxSockets: 8 }) };
	}

	async act(call, what) {
		const answer = await ask({ ...this.to, path: `/sandbox/${call}`, method: 'POST' }, JSON.stringify(what));
		if (answer.status !== 200)
			this.problems.push(`${this.name}: the sandbox refused ${call}: ${answer.status} ${answer.body}`);
		return answer.status === 200;
	}

	async meet(claim) {
		const n = this.made++;
		const person = { id: 10000 + n, steps: 0, tiers: 0, rested: 0, joined: {} };
		await this.act('create', { id: person.id, email: `${this.name}${n}@example.org`, firstname: 'Ada', lastname: `No ${n}` });
		claim(person);
		this.people.push(person);
		if (this.people.length > POOL)
			this.people.shift();
		return person;
	}

	// Claimed at once, so that nobody else takes the same one meanwhile.
	async someone(fits, claim) {
		for (let tries = 0; this.people.length && tries < 8 && this.draw(6); tries++) {
			const person = this.people[this.draw(this.people.length)];
			if (fits(person)) {
				claim(person);
				return person;
			}
		}
		return this.meet(claim);
	}

	async step() {
		const person = await this.someone((p) => p.steps < STEPS_MOST && !p.stepping, (p) => { p.stepping = true; });
		if (await this.act('set', { contact: person.id, property: 'step', value: `v${++person.steps}` }))
			this.changes++;
		person.stepping = false;
	}

	// Up to three values within a moment: only the last counts, and only where it is Gold and was not before.
	async tier() {
		const person = await this.someone((p) => p.tiers < TIERS_MOST && p.rested < Date.now(), (p) => { p.rested = Infinity; });
		person.tiers++;
		for (let n = 1 + this.draw(3); n; n--) {
			const value = ['Bronze', 'Silver', 'Gold', 'Gold'][this.draw(4)];
			await this.act('set', { contact: person.id, property: 'membership_tier', value });
			await pause(this.draw(200));
		}
		person.rested = Date.now() + REST_MS;
	}

	async join(list) {
		const person = await this.someone((p) => !p.joined[list], (p) => { p.joined[list] = true; });
		if (await this.act('join', { list, contact: person.id }))
			this.joins++;
	}

	something() {
		const n = this.draw(10);
		return n < 5 ? this.step() : n < 8 ? this.tier() : this.join(n === 8 ? 4711 : 4712);
	}

	async state() {
		const answer = await ask({ ...this.to, path: '/sandbox/state' });
		return JSON.parse(answer.body);
	}
}

module.exports = { Portal };
