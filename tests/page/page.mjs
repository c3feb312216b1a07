// The status page in a real Chromium, through WebDriver and nothing but node: it is clicked through, measured at two
// widths and in both colour schemes, and must neither run what it shows nor load anything from elsewhere.
//
//   node page.mjs http://USER:TOKEN@HOST:PORT [FOLDER]      with a folder, screenshots are left there
//
// Prints a line for each check; ends with 1 where one fails.
import { spawn } from "node:child_process";
import { writeFileSync, mkdtempSync, rmSync } from "node:fs";

const base = new URL(process.argv[2]);
const shots = process.argv[3];
const profile = mkdtempSync("/tmp/hs2cert-page-");
let failed = 0, passed = 0;

function check(words, held, more = "") {
	if (held) passed++;
	else {
		failed++;
		console.log(`FAIL: ${words} ${more}`);
	}
}

// ---- WebDriver

const driver = spawn("chromedriver", ["--port=0"], { stdio: ["ignore", "pipe", "ignore"] });
const driverPort = await new Promise((found, none) => {
	let text = "";
	driver.stdout.on("data", (piece) => {
		text += piece;
		const port = /successfully on port (\d+)/.exec(text);
		if (port) found(port[1]);
	});
	driver.on("exit", () => none(new Error("chromedriver ended")));
	driver.on("error", none);
});
let session;

async function ask(method, path, body) {
	const url = `http://127.0.0.1:${driverPort}${session ? `/session/${session}` : ""}${path}`;
	const answer = await fetch(url, { method, body: body && JSON.stringify(body) });
	const { value } = await answer.json();
	if (value && value.error) throw new Error(`${path}: ${value.error}: ${value.message}`);
	return value;
}
const run = (script, ...args) => ask("POST", "/execute/sync", { script, args });
const go = (path) => ask("POST", "/url", { url: new URL(path, base).href });
const cdp = (cmd, params) => ask("POST", "/goog/cdp/execute", { cmd, params });
const size = (width, height) => cdp("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 });
const scheme = (value) => cdp("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
const find = async (css) => Object.values(await ask("POST", "/element", { using: "css selector", value: css }))[0];
const click = async (css) => ask("POST", `/element/${await find(css)}/click`, {});
const type = async (css, text) => {
	const id = await find(css);
	await ask("POST", `/element/${id}/clear`, {});
	return ask("POST", `/element/${id}/value`, { text });
};
const text = () => run("return document.body.innerText");

async function shot(name) {
	if (!shots) return;
	const { data } = await cdp("Page.captureScreenshot", { format: "png", captureBeyondViewport: true });
	writeFileSync(`${shots}/${name}.png`, Buffer.from(data, "base64"));
}

// ---- what holds of every page

// The least contrast of text on its own background, and how far the page stands over its edge.
const measure = `
	const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
	const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const ground = (e) => {
		for (; e; e = e.parentElement) {
			const c = rgb(getComputedStyle(e).backgroundColor);
			if (c.length < 4 || c[3] > 0) return c;
		}
		return [255, 255, 255];
	};
	let least = 99, where = "";
	for (const e of document.querySelectorAll("body *")) {
		if (e.closest("svg") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
		const a = light(rgb(getComputedStyle(e).color)), b = light(ground(e));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < least) { least = ratio; where = e.tagName + "." + e.className; }
	}
	return {
		least, where,
		over: document.documentElement.scrollWidth - window.innerWidth,
		scripts: document.querySelectorAll("script,iframe,object,embed,[style],[onclick],[onerror],[onload]").length,
		foreign: performance.getEntriesByType("resource").map((r) => r.name).filter((u) => new URL(u).host !== location.host),
		styled: document.styleSheets.length,
		pwned: String(window.pwned),
	};`;

async function holds(name) {
	for (const value of ["light", "dark"])
		for (const [kind, width] of [["desktop", 1100], ["phone", 390]]) {
			await scheme(value);
			await size(width, 900);
			const m = await run(measure);
			const where = `${name}, ${value}, ${kind}`;
			check(`${where}: text can be read`, m.least >= 4.5, `contrast ${m.least.toFixed(2)} at ${m.where}`);
			check(`${where}: nothing stands over the edge`, m.over <= 0, `by ${m.over}`);
			check(`${where}: no script`, m.scripts === 0 && m.pwned === "undefined", `${m.scripts} ${m.pwned}`);
			check(`${where}: nothing from elsewhere`, m.foreign.length === 0, m.foreign);
			check(`${where}: styled`, m.styled === 1);
			if ((value === "light") === (kind === "desktop") || name === "why") await shot(`${name}-${kind}-${value}`);
		}
	await scheme("light");
	await size(1100, 900);
}

async function walk() {
	await go("/");
	let page = await text();
	check("the verdict", /issuances? needs? a person/.test(page), page.slice(0, 200));
	check("the rules", page.includes("tier") && page.includes("membership_tier changes"));
	check("the next step, as a command", page.includes("hs2cert retry --rule tier --state-is refused"));
	check("a rule that matches nothing", /never matched none of \d+ events?/.test(page));
	check("a hostile description is text", page.includes("<img src=x onerror=pwned=1>"));
	check("an account and its health", page.includes("fine hubspot") || /fine\s*\n?\s*hubspot/.test(page));
	check("bars for every rule", (await run("return document.querySelectorAll('svg.bars').length")) === 3);
	check("two plots", (await run("return document.querySelectorAll('svg.plot circle').length")) >= 2);
	await holds("status");

	await click("#parked a");
	page = await text();
	check("from an issuance to its contact", (await ask("GET", "/url")).includes("/why?contact=") && page.includes("tier"));
	await type("input[type=search]", "102");
	await click("form button");
	page = await text();
	check("what the contact did", page.includes("membership_tier"));
	check("why one rule did not match", page.includes("To match:"));
	check("a hostile value is text", page.includes("\"><script>pwned=2</script>"));
	check("the search keeps what was asked", (await run("return document.querySelector('input').value")) === "102");
	await holds("why");

	await type("input[type=search]", "\"><script>pwned=3</script>");
	await click("form button");
	page = await text();
	check("a hostile question is text", page.includes("<script>pwned=3</script>") && page.includes("Nothing is on record"));
	check("and does nothing", (await run("return String(window.pwned)")) === "undefined");
	await click("a.name");
	check("home again", new URL(await ask("GET", "/url")).pathname === "/");
	await click("a[href='#rules']");
	check("a tile leads to its place", (await ask("GET", "/url")).endsWith("#rules"));

	const log = (await ask("POST", "/se/log", { type: "browser" })).filter((l) => l.level === "SEVERE" || /Content.Security/.test(l.message));
	check("the console is quiet", log.length === 0, JSON.stringify(log));
}

try {
	const options = {
		binary: "/usr/bin/chromium",
		args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--hide-scrollbars", `--user-data-dir=${profile}`],
	};
	session = (await ask("POST", "/session", {
		capabilities: { alwaysMatch: { browserName: "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { browser: "ALL" } } },
	})).sessionId;
	await walk();
} catch (e) {
	check("the browser", false, e.message);
} finally {
	if (session) await ask("DELETE", "").catch(() => {});
	driver.kill();
	rmSync(profile, { recursive: true, force: true });
}
console.log(`page: ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
