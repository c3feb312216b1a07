// What an operations team does beside the load: reloads of good and broken rules, the status page, commands; and clients
// that open a connection and say nothing.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const { ask, askAgain, pause, until } = require('./common.js');
const rules = require('./rules.js');

const HANG_MS = 15000;

class Beside {
	constructor(program, env, socketPath, draw, daemon) {
		Object.assign(this, { program, env, socketPath, draw, daemon, problems: [], counts: {}, edition: 0, hanging: new Set() });
	}

	note(what, ok, why) {
		this.counts[what] = (this.counts[what] || 0) + 1;
		if (!ok)
			this.problems.push(`${what}: ${why}`);
	}

	get(path) {
		return askAgain({ socketPath: this.socketPath, path, agent: false }, undefined, () => this.note('asked again', true));
	}

	post() {
		return ask({ socketPath: this.socketPath, path: '/reload', method: 'POST', agent: false, headers: { 'Content-Type': 'application/json' } });
	}

	async run(end) {
		await Promise.all([this.reloads(end), this.pages(end), this.commands(end), this.hang(end)]);
	}

	// ---- reloads

	async signal(refused) {
		const began = Date.now();
		this.daemon.kill('SIGHUP');
		const ok = await until(30, async () => {
			const { status, body } = await this.get('/live');
			const reload = status === 200 ? JSON.parse(body).reload : {};
			return reload.refused === refused && Date.parse(reload.at) >= began - 1000;
		});
		this.note(refused ? 'broken by SIGHUP' : 'reloads by SIGHUP', ok, 'not within 30 s');
	}

	async request(refused) {
		const { status, body } = await this.post();
		this.note(refused ? 'broken by POST' : 'reloads by POST', status === (refused ? 422 : 200), `${status} ${body}`);
	}

	reload(refused) {
		return this.draw(2) ? this.signal(refused) : this.request(refused);
	}

	async reloads(end) {
		for (let n = 0; Date.now() < end; n++) {
			await pause(1000 + this.draw(4000));
			rules.ruin(n);
			await this.reload(true);
			rules.write(++this.edition);
			await this.reload(false);
			if (this.draw(3) === 0)
				await this.request(false);
		}
	}

	async mend() {
		rules.write(++this.edition);
		await this.request(false);
	}

	// ---- pages and commands

	async pages(end) {
		while (Date.now() < end) {
			const path = ['/', '/metrics', '/live', '/status', '/health', '/ready', `/why?contact=${10000 + this.draw(200)}`][this.draw(7)];
			const { status, body } = await this.get(path);
			this.note(`GET ${path.split('?')[0]}`, status === 200 || (status === 404 && path.startsWith('/why')), `${status} ${body}`);
			await pause(this.draw(1500));
		}
	}

	command(args) {
		const child = spawn(this.program, args, { env: this.env, stdio: 'ignore', timeout: 60000 });
		return new Promise((done) => child.on('exit', (code, signal) => done(code ?? signal)));
	}

	// 1: the rules are broken at that moment, or there is something to be said.
	async commands(end) {
		const all = [['runs'], ['runs', '--json'], ['status'], ['status', '--json'], ['doctor'], ['why', ''], ['validate']];
		while (Date.now() < end) {
			const args = [...all[this.draw(all.length)]];
			if (args[0] === 'why')
				args[1] = String(10000 + this.draw(200));
			const code = await this.command(args);
			this.note(args[0], code === 0 || code === 1, `'hs2cert ${args.join(' ')}' ended with ${code}`);
			await pause(this.draw(4000));
		}
	}

	// ---- clients that hang

	hangOne(place) {
		const words = ['', 'GET / HT', 'POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
			'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'][this.draw(4)];
		const one = net.connect(place, () => one.write(words));
		one.pause();
		this.hanging.add(one);
		one.on('error', () => {});
		one.on('close', () => this.hanging.delete(one));
		setTimeout(() => one.destroy(), HANG_MS);
	}

	async hang(end) {
		const hook = { host: '127.0.0.1', port: Number(/listening for webhooks.* address=127\.0\.0\.1:(\d+)/.exec(fs.readFileSync('log', 'utf8'))[1]) };
		while (Date.now() < end) {
			const n = 5 + this.draw(45);
			for (let i = 0; i < n; i++)
				this.hangOne(i % 5 ? { path: this.socketPath } : hook);
			this.counts['clients that hang'] = (this.counts['clients that hang'] || 0) + n;
			await pause(this.draw(12000));
		}
	}

	async rest() {
		for (const one of this.hanging)
			one.destroy();
		await until(30, () => !this.hanging.size);
	}
}

module.exports = { Beside };
