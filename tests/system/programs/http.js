// SPDX-License-Identifier: GPL-2.0-or-later
// http.js - Node: an http server and its clients on loopback, processes, workers, files, timers.
'use strict';
const http = require('http'), fs = require('fs'), cp = require('child_process'), crypto = require('crypto');
const { Worker } = require('worker_threads');

function get(port, path, body) {
	return new Promise((resolve, reject) => {
		const req = http.request({ port, path, host: '127.0.0.1', method: body ? 'POST' : 'GET' }, (res) => {
			let text = '';
			res.on('data', (d) => (text += d));
			res.on('end', () => resolve(`${res.statusCode} ${text}`));
		});
		req.on('error', reject);
		req.end(body);
	});
}

async function web() {
	const server = http.createServer((req, res) => {
		const hash = crypto.createHash('sha1');
		req.on('data', (d) => hash.update(d));
		req.on('end', () => {
			res.statusCode = req.url === '/missing' ? 404 : 200;
			res.end(req.method === 'POST' ? hash.digest('hex') : `you asked for ${req.url}`);
		});
	});
	await new Promise((r) => server.listen(0, '127.0.0.1', r));
	const port = server.address().port;
	const all = [];
	for (let i = 0; i < 20; i++) all.push(get(port, `/page/${i}`));
	for (const line of await Promise.all(all)) console.log(line);
	console.log(await get(port, '/missing'));
	console.log(await get(port, '/post', 'x'.repeat(1 << 20)));
	server.closeAllConnections?.();
	await new Promise((r) => server.close(r));
}

async function rest() {
	console.log(cp.execFileSync('sh', ['-c', 'echo from sh; echo again']).toString());
	const r = cp.spawnSync('sh', ['-c', 'kill -TERM $$']);
	console.log(r.status, r.signal);
	const sums = await Promise.all([1, 2, 3].map((n) => new Promise((resolve) => {
		const w = new Worker(`const { parentPort, workerData: n } = require('worker_threads');
			let s = 0; for (let i = 0; i < 100000; i++) s += i % n; parentPort.postMessage(s)`, { eval: true, workerData: n });
		w.on('message', resolve);
	})));
	console.log('workers', sums);
	for (let i = 0; i < 20; i++) fs.writeFileSync(`f${i}`, 'y'.repeat(i * 100));
	console.log('files', fs.readdirSync('.').sort().join(' '));
	const sizes = await Promise.all(fs.readdirSync('.').sort().map((f) => fs.promises.stat(f).then((s) => s.size)));
	console.log('sizes', sizes.reduce((a, b) => a + b, 0));
	const t0 = process.hrtime.bigint();
	await new Promise((r2) => setTimeout(r2, 50));
	console.log('timer', process.hrtime.bigint() - t0 > 45000000n);
}

web().then(rest).then(() => { console.log('done'); process.exitCode = 21; });
