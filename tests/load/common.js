// What the parts of the mixed load share: a seeded draw, HTTP that never hangs, a wait for a condition.
'use strict';
const http = require('node:http');

// mulberry32
function dice(seed) {
	let a = seed >>> 0;
	return (below) => {
		a = (a + 0x6d2b79f5) | 0;
		let t = Math.imul(a ^ (a >>> 15), 1 | a);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
	};
}

// {status, body}; status 0 and a reason where there was no answer within 30 s.
function ask(options, body) {
	return new Promise((done) => {
		const request = http.request({ timeout: 30000, ...options }, (answer) => {
			const parts = [];
			answer.on('data', (part) => parts.push(part));
			answer.on('end', () => done({ status: answer.statusCode, body: Buffer.concat(parts).toString() }));
			answer.on('error', (e) => done({ status: 0, body: e.code }));
		});
		request.on('timeout', () => request.destroy(Object.assign(new Error('late'), { code: 'none within 30 s' })));
		request.on('error', (e) => done({ status: 0, body: e.code }));
		request.end(body);
	});
}

// Where clients crowd, whoever takes half a second to ask is put out, and asks once more as browsers do: `again` counts it.
async function askAgain(options, body, again) {
	const answer = await ask(options, body);
	if (answer.body !== 'ECONNRESET')
		return answer;
	again();
	return ask(options, body);
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Whether it became true within so many seconds; asked again and again.
async function until(seconds, condition, everyMs = 200) {
	for (const end = Date.now() + seconds * 1000; Date.now() < end; await pause(everyMs))
		if (await condition())
			return true;
	return false;
}

module.exports = { dice, ask, askAgain, pause, until };
