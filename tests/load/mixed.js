// Mixed load on a real daemon: webhooks (lost, doubled, late and forged ones among them), polls, reloads, the status
// page, commands and clients that hang, all at once; then everything must have come out exactly once.
//
//   node mixed.js PROGRAM HEARD POLLED WORKSPACE SECONDS SEED     addresses of sandboxes, seconds, seed
//
// The seed gives what happens; how it falls together differs from run to run. Figures are printed, only the outcome is judged.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const { dice, ask, pause, until } = require('./common.js');
const { Portal } = require('./portal.js');
const { Proxy } = require('./proxy.js');
const { Beside } = require('./beside.js');
const { judge, earned, issued, sum } = require('./judge.js');
const rules = require('./rules.js');

const DRAIN_SECONDS = 180;
const RSS_MORE_KB = 24 * 1024; // what may come on top of what it was after the first minute
const FDS_MORE = 24; // on top of what it was before the load: connections that the proxy and the services keep

const [program, heardUrl, polledUrl, workspaceUrl, seconds, seed] = process.argv.slice(2);
const secret = 'load-load-load-load-load-load-load';
const env = { ...process.env, HOOK_SECRET: secret };
const socketPath = 'hs2cert.db.sock';
let passed = 0, failed = 0;

function check(words, ok, problems = []) {
	ok ? passed++ : failed++;
	if (!ok)
		console.log(`FAIL: ${words}`);
	if (!ok)
		for (const line of problems.slice(0, 20))
			console.log(`  ${line}`);
}

const logged = (words) => fs.readFileSync('log', 'utf8').includes(words);

function start() {
	const log = fs.openSync('log', 'a');
	const daemon = spawn(program, ['run', '--listen', '127.0.0.1:0'], { env, stdio: ['ignore', 'ignore', log] });
	fs.closeSync(log);
	daemon.ended = new Promise((done) => daemon.on('exit', (code, signal) => done(code ?? signal)));
	process.on('exit', () => daemon.kill('SIGKILL'));
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
		process.on(signal, () => process.exit(3));
	return daemon;
}

function size(daemon) {
	const status = fs.readFileSync(`/proc/${daemon.pid}/status`, 'utf8');
	return { rss: Number(/VmRSS:\s*(\d+)/.exec(status)[1]), fds: fs.readdirSync(`/proc/${daemon.pid}/fd`).length };
}

// So many changes a second: mostly a few, now and then a burst; none waits for another.
async function live(portals, draw, end, under) {
	while (Date.now() < end) {
		const next = Date.now() + 1000;
		for (let n = draw(12) ? 4 + draw(12) : 40; n; n--)
			under.push(portals[draw(2)].something());
		if (under.length > 1000)
			await Promise.all(under.splice(0, 500));
		await pause(Math.max(0, next - Date.now()));
	}
}

async function settled(portals, workspace) {
	const desk = await workspace.state();
	const want = sum(earned(await Promise.all(portals.map((p) => p.state()))));
	return sum(issued(desk)) >= want && desk.mails.length >= want;
}

async function once() {
	const pass = spawn(program, ['run', '--once'], { env, stdio: 'ignore' });
	return new Promise((done) => pass.on('exit', (code, signal) => done(code ?? signal)));
}

const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];

function tell(portals, proxy, beside, verdict, sizes) {
	const acks = proxy.acks.sort((a, b) => a - b);
	const n = (counts) => Object.entries(counts).map(([what, count]) => `${count} ${what}`).join(', ');
	console.log(`  ${portals.map((p) => `${p.name}: ${p.made} contacts, ${p.changes} steps, ${p.joins} joins`).join('; ')}`);
	console.log(`  ${verdict.earned} earned, ${verdict.issued} issued, ${verdict.mails} mails`);
	console.log(`  webhooks: ${n(proxy.counts)}`);
	console.log(`  acknowledged within: half ${percentile(acks, 0.5)} ms, 99 % ${percentile(acks, 0.99)} ms, all ${acks.at(-1)} ms`);
	console.log(`  beside: ${n(beside.counts)}`);
	console.log(`  daemon: ${sizes.map((s) => `${s.when} ${s.rss} KB and ${s.fds} descriptors`).join(', ')}`);
}

async function main() {
	const draw = dice(Number(seed)), under = [], sizes = [];
	const portals = [new Portal('heard', heardUrl, dice(Number(seed) + 1)), new Portal('polled', polledUrl, dice(Number(seed) + 2))];
	const workspace = new Portal('workspace', workspaceUrl, draw);
	const proxy = new Proxy(secret, dice(Number(seed) + 3));
	console.log(`mixed: ${seconds} s, seed ${seed}`);

	await proxy.open();
	fs.mkdirSync('rules.d');
	fs.writeFileSync('rules.d/00-accounts.yaml', rules.accounts(heardUrl, polledUrl, workspaceUrl, proxy.url));
	rules.write(0);
	for (const p of portals)
		await p.act('property', { name: 'step' });
	// HubSpot's limits are in force; Certifier's three a second would make an hour's work of this.
	await workspace.act('option', { name: 'rate_limits', value: 'false' });
	await portals[0].act('webhook', { url: proxy.url, secret });
	fs.writeFileSync('log', '');
	const daemon = start();
	const ready = () => logged('rules loaded') && ['heard', 'polled'].every((a) => ['steps', 'tiers', 'graduates', 'active'].every((r) =>
		new RegExp(`rule activated.*rule=${a}-${r}\\b`).test(fs.readFileSync('log', 'utf8'))));
	if (!(await until(60, ready))) {
		console.log(fs.readFileSync('log', 'utf8'));
		throw new Error('the rules are not activated');
	}
	proxy.to(/listening for webhooks.* address=127\.0\.0\.1:(\d+)/.exec(fs.readFileSync('log', 'utf8'))[1]);

	const end = Date.now() + seconds * 1000;
	const beside = new Beside(program, env, socketPath, dice(Number(seed) + 4), daemon);
	const measure = (when) => sizes.push({ when, ...size(daemon) });
	const early = Math.min(60, seconds / 2);
	measure('before');
	setTimeout(() => measure(`after ${early} s`), early * 1000);
	await Promise.all([live(portals, draw, end, under), proxy.forge(end), beside.run(end)]);
	await Promise.all(under);
	await beside.mend();

	check('it has not ended by itself', daemon.exitCode === null && daemon.signalCode === null);
	check('all that was earned is issued while it runs', await until(DRAIN_SECONDS, () => settled(portals, workspace), 2000));
	await beside.rest();
	const few = await until(30, () => size(daemon).fds <= sizes[0].fds + FDS_MORE);
	measure('at the end');
	daemon.kill('SIGTERM');
	check('SIGTERM ends it with 0', (await daemon.ended) === 0);
	check('one more pass leaves nothing to do', await until(DRAIN_SECONDS, async () => (await once()) === 0));
	const states = await Promise.all(portals.map((p) => p.state()));
	states.forEach((s, i) => fs.writeFileSync(`state-${i}.json`, JSON.stringify(s)));
	const desk = await workspace.state();
	fs.writeFileSync('state-workspace.json', JSON.stringify(desk));
	const verdict = judge(states, desk);
	tell(portals, proxy, beside, verdict, sizes);
	const refused = [...portals, workspace].flatMap((p) => p.problems);
	check('the sandboxes took every change', !refused.length, refused);
	check('what happened is what the histories say', portals.every((p, i) =>
		p.changes === states[i].contacts.reduce((all, c) => all + (c.history.step || []).length, 0) &&
		p.joins === states[i].lists.flatMap((l) => l.members).filter((m) => m.contact >= 10000).length));
	check('each change that qualifies has one credential, mailed once, and nothing else has', !verdict.wrong.length, verdict.wrong);
	check('the other workspaces have nothing', states.every((s) => !s.credentials.length && !s.mails.length));
	check('genuine webhooks are all taken', !proxy.problems.length, proxy.problems);
	check('there were lost, doubled, late and forged ones', ['taken', 'lost', 'doubled', 'late', 'forged'].every((k) => proxy.counts[k]));
	check('reloads, pages and commands did what they say', !beside.problems.length, beside.problems);
	check('its memory stays', sizes[2].rss <= sizes[1].rss + RSS_MORE_KB);
	check('its descriptors stay', few);
	check('no secret and no address is in the log', !logged(secret) && !logged('@example.org'));
	console.log(`mixed: ${passed} passed, ${failed} failed`);
	process.exit(failed ? 1 : 0);
}

main().catch((e) => {
	console.log(e);
	console.log(`mixed: ${passed} passed, ${failed + 1} failed`);
	process.exit(1);
});
