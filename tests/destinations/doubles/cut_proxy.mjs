// A stand-in for a network that breaks at the worst moment: forwards to a PostgreSQL server, and cuts a connection around its COMMIT.
//   node cut_proxy.mjs --target PORT --port-file FILE --cut answer|request --every N
//     answer    COMMIT reaches the server, which has answered; the client never hears of it
//     request   COMMIT does not reach the server
//   Every N-th COMMIT is cut. FILE gets the port once it listens, then a line `cut` for each cut.
// Knows: the frames of the frontend protocol (unencrypted), and that a transaction ends by a query, simple or parsed, that says COMMIT.
// Must not know: what is loaded. Ends when it is killed.
import { appendFileSync, writeFileSync, renameSync } from 'node:fs';
import net from 'node:net';

const options = {};
for (let n = 2; n < process.argv.length; n += 2) options[process.argv[n].replace(/^--/, '')] = process.argv[n + 1];
const { target, cut, every } = options;
const file = options['port-file'];
if (!target || !file || !['answer', 'request'].includes(cut) || !(Number(every) > 0)) {
  console.error('cut_proxy: --target, --port-file, --cut answer|request and --every are needed');
  process.exit(64);
}

let commits = 0;
// SSLRequest, GSSENCRequest: as a startup packet, but the startup packet is still to come.
const requests = new Set([80877103, 80877104]);

// Whole messages of the client, out of bytes as they come.
class Frames {
  bytes = Buffer.alloc(0);
  started = false;

  // out  list of {bytes, commit}, one for each whole message
  take(chunk) {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    const messages = [];
    for (;;) {
      const head = this.started ? 1 : 0;
      if (this.bytes.length < head + 4) return messages;
      const length = head + this.bytes.readUInt32BE(head);
      if (this.bytes.length < length) return messages;
      const bytes = this.bytes.subarray(0, length);
      this.bytes = this.bytes.subarray(length);
      if (!this.started) {
        this.started = length < 8 || !requests.has(bytes.readUInt32BE(4));
        messages.push({ bytes, commit: false });
        continue;
      }
      const type = String.fromCharCode(bytes[0]);
      let commit = false;
      if (type === 'Q') commit = ends(bytes.toString('utf8', 5, length - 1));
      if (type === 'P') commit = ends(bytes.toString('utf8', 5).split('\0')[1] ?? '');
      messages.push({ bytes, commit });
    }
  }
}
const ends = (text) => /(^|;)\s*(COMMIT|END)(\s+(WORK|TRANSACTION))?\s*;?\s*$/i.test(text);

const server = net.createServer((client) => {
  const upstream = net.connect(Number(target), '127.0.0.1');
  const frames = new Frames();
  let broken = false;
  let deaf = false;
  const end = () => {
    client.destroy();
    upstream.destroy();
  };
  const snap = () => {
    appendFileSync(file, 'cut\n');
    broken = true;
    end();
  };
  client.on('data', (chunk) => {
    for (const { bytes, commit } of frames.take(chunk)) {
      if (broken) return;
      if (commit && ++commits % Number(every) === 0) {
        if (cut === 'request') return snap();
        deaf = true;
      }
      upstream.write(bytes);
    }
  });
  let answer = Buffer.alloc(0);
  upstream.on('data', (chunk) => {
    if (!deaf) return client.write(chunk);
    // Done only when the server is ready for the next query: COMMIT may be answered after answers to what stood before it.
    answer = Buffer.concat([answer, chunk]);
    if (answer.includes(Buffer.from([0x43, 0, 0, 0, 11, 0x43, 0x4f, 0x4d, 0x4d, 0x49, 0x54, 0]))) snap();
  });
  for (const socket of [client, upstream]) {
    socket.on('error', end);
    socket.on('close', end);
  }
});
server.listen(0, '127.0.0.1', () => {
  writeFileSync(`${file}.new`, `${server.address().port}\n`);
  renameSync(`${file}.new`, file);
});
