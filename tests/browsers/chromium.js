// What the tests in browsers share: the service, and a headless Chromium. NODE_PATH says where the packages are.
'use strict';

const { spawn } = require('child_process');
const { once } = require('events');
const fs = require('fs');
const os = require('os');
const path = require('path');
const readline = require('readline');

// Its name depends on who packages it.
const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

async function launch() {
  const { default: puppeteer } = await import(require.resolve('puppeteer-core'));
  const folders = process.env.PATH.split(':');
  const paths = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  const executablePath = paths.find((it) => fs.existsSync(it));
  // As root it has no sandbox; all that it opens here is the tests' own.
  return puppeteer.launch({ executablePath, args: process.getuid() === 0 ? ['--no-sandbox'] : [] });
}

// Starts the program `binary` on an empty database, which makes an organization with an admin key.
async function startService(binary, ...flags) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'contact-lists-browsers-'));
  const listening = ['--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'];
  const database = ['--database-url', `sqlite://${folder}/contact-lists.db`, '--log', 'warn'];
  const program = spawn(binary, [...listening, ...database, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  const told = {};
  for await (const line of readline.createInterface({ input: program.stdout })) {
    const [, name, value] = /^ *(API key|console on|listening on) +(\S+)$/.exec(line) ?? [];
    if (name) told[name] = value;
    if (told['listening on']) break;
  }
  const [address, key] = [told['listening on'], told['API key']];
  return {
    address,
    key,
    console: told['console on'],
    // Makes a call in JSON.
    async call(method, called, body) {
      const response = await fetch(`http://${address}${called}`, {
        method,
        headers: { 'Authorization': `Bearer ${key}`, 'Content-Type': 'application/json' },
        body: body && JSON.stringify(body),
      });
      const json = await response.json();
      if (!response.ok) throw new Error(`${method} ${called}: ${JSON.stringify(json)}`);
      return json;
    },
    async stop() {
      program.kill('SIGINT');
      await once(program, 'exit');
      fs.rmSync(folder, { recursive: true });
    },
  };
}

module.exports = { launch, startService };
