// Webhooks by an implementation of its own (node:crypto): genuine ones and forged ones, over kept connections.
//
//   node webhook.js ADDRESS PUBLIC-URL SECRET COUNT     prints {"genuine":{"204":COUNT},"forged":{"401":COUNT}}
'use strict';
const crypto = require('node:crypto');
const http = require('node:http');

const [address, url, secret, count] = process.argv.slice(2);
const [host, port] = address.split(':');
const { pathname } = new URL(url);
const agent = new http.Agent({ keepAlive: true, maxSockets: 10 });
const answers = { genuine: {}, forged: {} };

function sign(key, body, at) {
	return crypto.createHmac('sha256', key).update(`POST${url}${body}${at}`).digest('base64');
}

function event(id, at) {
	return JSON.stringify([{ eventId: id, subscriptionId: 7, portalId: 1234567, appId: 9, occurredAt: at,
		subscriptionType: 'contact.propertyChange', attemptNumber: 0, objectId: id, propertyName: 'membership_tier',
		propertyValue: 'Zażółć \u{1F600}', changeSource: 'CRM_UI' }]);
}

// Each forgery is genuine but for one thing.
const forgeries = [
	(r) => { r.signature = sign('another secret', r.body, r.at); },
	(r) => { r.body = r.body.replace('"objectId":1', '"objectId":2'); },
	(r) => { r.at += 1; },
	(r) => { r.at -= 301000; r.signature = sign(secret, r.body, r.at); },
	(r) => { r.at += 310000; r.signature = sign(secret, r.body, r.at); },
	(r) => { r.signature = r.signature.slice(0, -1); },
	(r) => { r.signature = r.signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')); },
	(r) => { r.signature = Buffer.from(r.signature, 'base64').toString('hex'); },
	(r) => { delete r.signature; },
];

function post(kind, n) {
	const r = { at: Date.now() };
	r.body = event(100000 + (n % 1000), r.at);
	r.signature = sign(secret, r.body, r.at);
	if (kind === 'forged')
		forgeries[n % forgeries.length](r);
	const body = Buffer.from(r.body);
	const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length, 'X-HubSpot-Request-Timestamp': r.at };
	if (r.signature)
		headers['X-HubSpot-Signature-v3'] = r.signature;
	return new Promise((done) => {
		const end = (status) => {
			answers[kind][status] = (answers[kind][status] || 0) + 1;
			done();
		};
		const request = http.request({ host, port, path: pathname, method: 'POST', agent, headers }, (answer) => {
			answer.resume();
			answer.on('end', () => end(answer.statusCode));
		});
		request.on('error', (e) => end(e.code));
		request.end(body);
	});
}

async function main() {
	let next = 0;
	const worker = async () => {
		while (next < 2 * count) {
			const n = next++;
			await post(n % 2 ? 'forged' : 'genuine', n >> 1);
		}
	};
	await Promise.all(Array.from({ length: 10 }, worker));
	agent.destroy();
	console.log(JSON.stringify(answers));
}

main();
