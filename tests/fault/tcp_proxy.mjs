// A network that can be made bad, between a program and a server: carries bytes both ways, and holds, slows, cuts or refuses connections
// when it is told to. Bytes are never dropped out of the middle or changed: a network does not do that either, TCP sends them again.
//
// Knows: TCP. Must not know: what is said over it.
// Usage: tcp_proxy.mjs UPSTREAM-PORT PORT-FILE     writes `PORT CONTROL-PORT` into PORT-FILE when it listens; ends on SIGTERM
// Control port: a line `pass`, `hold` (nothing arrives any longer, connections stay), `delay MS` (every piece), `cut` (all connections end
// now, new ones may come) or `refuse` (they end, and new ones too); answered by `ok`, and by how many connections there are.
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as passed } from 'node:timers/promises';

const [upstream, portFile] = process.argv.slice(2);
if (!upstream || !portFile) {
  console.error('tcp_proxy: UPSTREAM-PORT and PORT-FILE are needed');
  process.exit(64);
}

const sockets = new Set();
let delay = 0;
let refuses = false;
let held = null; // a promise as long as nothing may arrive
let release = () => {};

const carry = async (from, to) => {
  try {
    for await (const piece of from) {
      if (delay > 0) await passed(delay);
      while (held) await held;
      if (!to.write(piece)) await once(to, 'drain');
    }
    to.end();
  } catch {
    to.destroy();
  }
};
const cut = () => sockets.forEach((socket) => socket.destroy());
const orders = {
  pass: () => ((delay = 0), (refuses = false), (held = null), release()),
  hold: () => (held ??= new Promise((resolve) => (release = resolve))),
  delay: (ms) => (delay = Number(ms)),
  cut,
  refuse: () => ((refuses = true), cut()),
};

const proxy = net.createServer((client) => {
  if (refuses) return client.destroy();
  const server = net.connect(Number(upstream), '127.0.0.1');
  for (const [one, other] of [[client, server], [server, client]]) {
    one.setNoDelay(true);
    sockets.add(one);
    one.on('error', () => other.destroy());
    one.on('close', () => (sockets.delete(one), other.destroy()));
    carry(one, other);
  }
});

const control = net.createServer(async (client) => {
  client.on('error', () => client.destroy());
  let text = '';
  for await (const piece of client) {
    text += piece;
    if (!text.includes('\n')) continue;
    const [order, argument] = text.trim().split(' ');
    const known = Object.hasOwn(orders, order);
    if (known) orders[order](argument);
    client.end(known ? `ok ${sockets.size / 2}\n` : 'no such order\n');
    return;
  }
});

proxy.listen(0, '127.0.0.1', () =>
  control.listen(0, '127.0.0.1', () => {
    writeFileSync(`${portFile}.new`, `${proxy.address().port} ${control.address().port}\n`);
    renameSync(`${portFile}.new`, portFile);
  }),
);
process.on('SIGTERM', () => process.exit(0));
