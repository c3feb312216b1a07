// The whole way, from a webhook to the request that issues: pipeline.js PROGRAM FOLDER, where FOLDER holds node_modules.
// Node-RED and hs2cert, one after the other, are started, left idle, told of changes one by one, and of many at once, by the same
// client. Prints a line for each figure: its name, hs2cert's and Node-RED's.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { ask, pause, until } = require('../load/common.js');

const [program, folder] = process.argv.slice(2).map((word) => path.resolve(word));
const url = 'https://hooks.example.org/hub', secret = 'yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy';
const changes = 30, batches = 300, batch = 100, connections = 8;
const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
const now = () => Number(process.hrtime.bigint()) / 1e6;
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];

const event = (contact, value, id) => ({
	eventId: id, subscriptionId: 7662269, portalId: 1234567, appId: 51879189, occurredAt: Date.now(),
	subscriptionType: 'contact.propertyChange', attemptNumber: 0, objectId: contact, propertyName: 'membership_tier',
	propertyValue: value, changeSource: 'CRM_UI', sourceId: 'userId:98499705',
});

// Signed as HubSpot does it, of which Node-RED takes no notice.
function letter(events) {
	const body = JSON.stringify(events), at = String(Date.now());
	const signature = crypto.createHmac('sha256', secret).update(`POST${url}${body}${at}`).digest('base64');
	return { body, headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body),
		'X-HubSpot-Signature-v3': signature, 'X-HubSpot-Request-Timestamp': at } };
}

const post = (port, { body, headers }) =>
	ask({ agent, host: '127.0.0.1', port, path: '/hub', method: 'POST', headers }, body);

// Where requests that issue arrive; what is behind it answers them, or nobody.
function sink(behind) {
	const s = { arrived: 0, at: 0 };
	s.server = http.createServer((request, answer) => {
		if (request.method === 'POST' && request.url.endsWith('/credentials')) {
			s.arrived++;
			s.at = now();
		}
		if (!behind) {
			request.resume().on('end', () => answer.writeHead(201).end());
			return;
		}
		request.pipe(http.request({ ...behind, path: request.url, method: request.method, headers: request.headers }, (its) => {
			answer.writeHead(its.statusCode, its.headers);
			its.pipe(answer);
		}));
	}).listen(0, '127.0.0.1');
	return new Promise((done) => s.server.on('listening', () => { s.port = s.server.address().port; done(s); }));
}

const line = (file, pattern) => (fs.existsSync(file) && fs.readFileSync(file, 'utf8').match(pattern) || [])[1];
const free = () => new Promise((done) => {
	const s = http.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => done(port)); });
});

function start(work, log, command, ...words) {
	const out = fs.openSync(path.join(work, log), 'w');
	const child = spawn(command, words, { cwd: work, stdio: ['ignore', out, out],
		env: { ...process.env, HUBSPOT_TOKEN: 'h', CERTIFIER_TOKEN: 'c', HOOK_SECRET: secret, NODE_PATH: '' } });
	children.push(child);
	return child;
}

// A node without a place counts as a setting of others.
const node = (id, type, wires, more) => ({ id, type, z: 'flow', x: 0, y: 0, wires: [wires], ...more });
const is = (member, v) => ({ property: `payload.${member}`, propertyType: 'msg', rules: [{ t: 'eq', v, vt: 'str' }], outputs: 1 });
const flow = (port) => [
	{ id: 'flow', type: 'tab', label: 'peer' },
	node('in', 'http in', ['ack', 'parts'], { url: '/hub', method: 'post' }),
	node('ack', 'http response', [], { statusCode: '204' }),
	node('parts', 'split', ['property'], { splt: '\\n', spltType: 'str', arraySplt: 1, arraySpltType: 'len' }),
	node('property', 'switch', ['value'], is('propertyName', 'membership_tier')),
	node('value', 'switch', ['issue'], is('propertyValue', 'Gold')),
	node('issue', 'http request', [], { method: 'POST', ret: 'txt', paytoqs: 'ignore', url: `http://127.0.0.1:${port}/credentials` }),
];

async function nodeRed(work) {
	const its = { sink: await sink(), port: await free(), gap: 20, before: async () => {} };
	fs.writeFileSync(path.join(work, 'flows.json'), JSON.stringify(flow(its.sink.port)));
	fs.writeFileSync(path.join(work, 'settings.js'), `module.exports = { uiPort: ${its.port}, uiHost: '127.0.0.1', httpAdminRoot: false,
		flowFile: 'flows.json', userDir: ${JSON.stringify(work)}, apiMaxLength: '5mb', logging: { console: { level: 'off' } },
		telemetry: { enabled: false, updateNotification: false } };`);
	its.start = () => start(work, 'log', process.execPath, path.join(folder, 'node_modules/node-red/red.js'),
		'-s', path.join(work, 'settings.js'));
	its.answers = async () => (await post(its.port, letter([]))).status === 204;
	its.ready = its.answers;
	return its;
}

async function hs2cert(work) {
	start(work, 'sandbox', program, 'sandbox', '--listen', '127.0.0.1:0');
	await until(20, () => line(path.join(work, 'sandbox'), /^sandbox: http:\/\/127\.0\.0\.1:(\d+)/m), 20);
	const behind = { host: '127.0.0.1', port: +line(path.join(work, 'sandbox'), /^sandbox: http:\/\/127\.0\.0\.1:(\d+)/m) };
	// 3 requests a second are what Certifier allows, and one change takes three.
	const its = { sink: await sink(behind), port: await free(), gap: 1200 };
	fs.mkdirSync(path.join(work, 'rules.d'));
	fs.writeFileSync(path.join(work, 'rules.d/all.yaml'), `account: hubspot
hubspot: { token: "\${HUBSPOT_TOKEN}", base-url: "http://127.0.0.1:${behind.port}/hubspot", poll: 1h,
  webhook: { public-url: "${url}", secret: "\${HOOK_SECRET}" } }
---
account: certifier
certifier: { token: "\${CERTIFIER_TOKEN}", base-url: "http://127.0.0.1:${its.sink.port}/certifier/v1" }
---
rule: tier
trigger: { event: property-changed, property: membership_tier, to: Gold, settle: 0s }
action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec }
`);
	its.start = () => start(work, 'log', program, 'run', '--listen', `127.0.0.1:${its.port}`);
	its.answers = async () => (await ask({ socketPath: path.join(work, 'hs2cert.db.sock'), path: '/health' })).status === 200;
	its.ready = async () => (await post(its.port, letter([]))).status === 204;
	its.before = async (value) => {
		const body = JSON.stringify({ contact: 101, property: 'membership_tier', value });
		await ask({ ...behind, path: '/sandbox/set', method: 'POST', headers: { 'Content-Length': Buffer.byteLength(body) } }, body);
	};
	return its;
}

// Milliseconds from nothing to the first good answer, with what an earlier start left.
async function coldStart(its) {
	const took = [];
	for (let i = 0; i < 6; i++) {
		const from = now();
		its.process = its.start();
		const ended = new Promise((done) => its.process.on('exit', () => done('it ended')));
		if (await Promise.race([until(60, its.answers, 1), ended]) !== true)
			throw new Error(`it does not start: ${fs.readFileSync(path.join(its.work, 'log'), 'utf8')}`);
		if (i)
			took.push(now() - from);
		if (i < 5) {
			its.process.kill('SIGKILL');
			await new Promise((done) => its.process.on('exit', done));
		}
	}
	return median(took);
}

async function latency(its) {
	const took = [];
	for (let i = 0; i < changes; i++) {
		await its.before('Silver');
		await pause(20);
		await its.before('Gold');
		const before = its.sink.arrived, from = now();
		await post(its.port, letter([event(101, 'Gold', i)]));
		if (!await until(10, () => its.sink.arrived > before, 1))
			throw new Error(`no request came of change ${i}`);
		took.push(its.sink.at - from);
		await pause(its.gap);
	}
	return median(took);
}

// Events a second that were acknowledged; each is of a contact of its own, and one of fifty fits.
async function burst(its) {
	const letters = Array.from({ length: batches }, (_, b) => letter(Array.from({ length: batch },
		(_, i) => event(1000000 + b * batch + i, i % 50 ? 'Silver' : 'Gold', b * batch + i))));
	const from = now();
	let next = 0;
	await Promise.all(Array.from({ length: connections }, async () => {
		while (next < batches)
			if ((await post(its.port, letters[next++])).status !== 204)
				throw new Error('a webhook was not taken');
	}));
	return batches * batch / (now() - from) * 1e3;
}

const children = [], folders = [];
function clean() {
	for (const child of children)
		child.kill('SIGKILL');
	for (const work of folders)
		fs.rmSync(work, { recursive: true, force: true });
}

async function measure(make) {
	const work = fs.mkdtempSync(path.join(os.tmpdir(), 'hs2cert-peers-'));
	folders.push(work);
	const its = await make(work);
	its.work = work;
	const got = { start: await coldStart(its) };
	await until(20, its.ready, 50);
	await pause(3000);
	got.memory = +line(`/proc/${its.process.pid}/status`, /VmRSS:\s+(\d+)/) / 1024;
	got.latency = await latency(its);
	got.burst = await burst(its);
	clean();
	its.sink.server.close();
	its.sink.server.closeAllConnections();
	return got;
}

process.on('SIGTERM', () => {
	clean();
	process.exit(1);
});

(async () => {
	const ours = await measure(hs2cert), theirs = await measure(nodeRed);
	const rows = { burst: 'webhooks of 100 acknowledged, events/s', latency: 'change to request, ms', start: 'first answer, ms',
		memory: 'resident when idle, MB' };
	for (const [key, words] of Object.entries(rows))
		console.log([words, ours[key].toFixed(2), theirs[key].toFixed(2)].join('\t'));
	process.exit(0);
})().catch((e) => {
	clean();
	console.error(`pipeline: ${e.message}`);
	process.exit(1);
});
