// Holds more connections than the daemon takes, each with a request that drips, and takes another for each that ends.
//	node slow.js ADDRESS COUNT      says 'held' when all are there, and goes on until it is ended
'use strict';
const net = require('net');
const [host, port] = process.argv[2].split(':');
const count = Number(process.argv[3]);
let open = 0, said = false;

function hold() {
	const client = net.connect(Number(port), host, () => {
		client.write('POST /hubspot/main/look HTTP/1.1\r\nHost: x\r\nContent-Le');
		open++;
		if (open === count && !said) {
			said = true;
			console.log('held');
		}
	});
	const drip = setInterval(() => client.destroyed || client.write('n'), 50);
	client.on('error', () => {});
	client.on('close', () => {
		open--;
		clearInterval(drip);
		setImmediate(hold);
	});
}

for (let i = 0; i < count; i++)
	hold();
