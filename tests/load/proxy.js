// What stands before the daemon: HubSpot posts here, and it passes on, loses, doubles or delays; and somebody who forges.
'use strict';
const crypto = require('node:crypto');
const http = require('node:http');
const { ask, askAgain, pause } = require('./common.js');

class Proxy {
	constructor(secret, draw) {
		Object.assign(this, { secret, draw, acks: [], problems: [], counts: { taken: 0, lost: 0, doubled: 0, late: 0, forged: 0, 'asked again': 0 }, port: 0 });
		this.agent = new http.Agent({ keepAlive: true, maxSockets: 10 });
	}

	open() {
		this.server = http.createServer((request, answer) => {
			const parts = [];
			request.on('data', (part) => parts.push(part));
			request.on('end', () => this.deliver(request.headers, Buffer.concat(parts), answer));
		});
		return new Promise((done) => this.server.listen(0, '127.0.0.1', () => {
			this.url = `http://127.0.0.1:${this.server.address().port}/hubspot/heard`;
			done();
		}));
	}

	to(port) {
		this.port = port;
	}

	hook(headers, body) {
		return { host: '127.0.0.1', port: this.port, path: '/hubspot/heard', method: 'POST', agent: this.agent,
			headers: { ...headers, 'content-type': 'application/json', 'content-length': body.length } };
	}

	post(headers, body) {
		return ask(this.hook(headers, body), body);
	}

	async pass(headers, body) {
		const began = process.hrtime.bigint();
		const { status, body: why } = await this.post(headers, body);
		this.acks.push(Math.round(Number(process.hrtime.bigint() - began) / 1e5) / 10);
		if (status === 204)
			this.counts.taken++;
		else
			this.problems.push(`a genuine webhook: ${status} ${why}`);
		return status;
	}

	// Unsigned: hs2cert doctor, which asks whether it can be reached.
	async deliver(given, body, answer) {
		const headers = {};
		if (!given['x-hubspot-signature-v3']) {
			answer.writeHead((await this.post({}, body)).status || 502).end();
			return;
		}
		for (const name of Object.keys(given).filter((one) => one.startsWith('x-hubspot-')))
			headers[name] = given[name];
		const fate = this.draw(20);
		let status = 204;
		if (fate === 0 || !this.port) {
			this.counts.lost++;
		} else if (fate < 3) {
			this.counts.late++;
			await pause(this.draw(3000));
			status = await this.pass(headers, body);
		} else {
			status = await this.pass(headers, body);
			if (fate < 6) {
				this.counts.doubled++;
				await this.pass(headers, body);
			}
		}
		answer.writeHead(status || 502).end();
	}

	// Each tells of a change that never was, and is genuine but for one thing.
	async forgery(n) {
		let at = Date.now(), key = this.secret;
		const event = (id) => Buffer.from(JSON.stringify([{ eventId: n, subscriptionId: 7, portalId: 1234567, appId: 9, occurredAt: at,
			subscriptionType: 'contact.propertyChange', attemptNumber: 0, objectId: id, propertyName: 'step', propertyValue: 'forged' }]));
		const id = 10000 + this.draw(100);
		let body = event(id);
		if (n % 4 === 0)
			key = 'another secret';
		if (n % 4 === 1)
			at -= 400000;
		let signature = crypto.createHmac('sha256', key).update(`POST${this.url}${body}${at}`).digest('base64');
		if (n % 4 === 2)
			body = event(id + 1);
		if (n % 4 === 3)
			signature = signature.slice(0, -2);
		const hook = this.hook({ 'x-hubspot-signature-v3': signature, 'x-hubspot-request-timestamp': at }, body);
		const { status } = await askAgain(hook, body, () => this.counts['asked again']++);
		this.counts.forged++;
		if (status !== 401)
			this.problems.push(`a forged webhook: ${status}`);
	}

	async forge(end) {
		for (let n = 0; Date.now() < end; n++) {
			await this.forgery(n);
			await pause(100 + this.draw(600));
		}
	}
}

module.exports = { Proxy };
