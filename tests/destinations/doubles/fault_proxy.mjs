// A proxy before a real store that breaks what it is told to break, for tests. It passes requests on as they came, the Host header too, so
// that their signatures are still those of the client; the store has to take any port for its own.
//
// Knows: HTTP/1.1 and ways to break it. Must not know: what is in an object, nor how a request is signed.
// Usage: fault_proxy.mjs UPSTREAM-PORT PORT-FILE     writes `PORT CONTROL-PORT` into PORT-FILE when it listens; ends on SIGTERM
// Control port: the body of a POST is FAULT [METHOD [PATTERN [TIMES]]] and replaces what was said before: FAULT as below or `none`; METHOD `*`:
// every one; PATTERN: part of the path, `*`: every one; TIMES: 0, for ever. Its answer, and that of a GET, is how many were broken.
import http from 'node:http';
import { renameSync, writeFileSync } from 'node:fs';

const [upstream, portFile] = process.argv.slice(2);
let fault = { name: 'none' };
let broken = 0;

const errorOf = (code) => `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`;
const say = (response, status, code) => {
  const body = errorOf(code);
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': body.length });
  response.end(body);
};
const altered = (body) => {
  const copy = Buffer.from(body);
  if (copy.length > 0) copy[copy.length >> 1] ^= 1;
  return copy;
};

const pass = (request, body, then, failed) => {
  const { connection, ...headers } = request.headers;
  const onward = http.request(
    { host: '127.0.0.1', port: upstream, method: request.method, path: request.url, headers, setHost: false, agent: false },
    (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => then(answer, Buffer.concat(pieces)));
      answer.on('error', failed);
    },
  );
  onward.on('error', failed);
  return onward;
};

const give = (response, answer, body) => {
  const { connection, 'transfer-encoding': chunked, ...headers } = answer.headers;
  if (chunked) headers['content-length'] = body.length;
  response.writeHead(answer.statusCode, headers);
  response.end(body);
};

const faults = {
  // The store says no.
  500: (request, response) => say(response, 500, 'InternalError'),
  503: (request, response) => say(response, 503, 'SlowDown'),
  403: (request, response) => say(response, 403, 'AccessDenied'),
  // It takes the request and says nothing more.
  stall: () => {},
  // Its answer comes byte after byte, a long one in pieces, so that it is slow for seconds and not for hours.
  slow: (request, response, body) =>
    pass(request, body, (answer, content) => {
      response.writeHead(answer.statusCode, { ...answer.headers, connection: 'close' });
      const step = Math.ceil(content.length / 2000) || 1;
      let at = 0;
      const timer = setInterval(() => {
        if (at < content.length) response.write(content.subarray(at, at += step));
        else response.end(), clearInterval(timer);
      }, 2);
    }, () => request.socket.destroy()).end(body),
  // The connection to the store breaks after half of the request, and so does ours.
  'cut-request': (request, response, body) => {
    const onward = pass(request, body, () => {}, () => {});
    onward.write(body.subarray(0, body.length >> 1), () => {
      onward.destroy();
      request.socket.destroy();
    });
  },
  'alter-request': (request, response, body) =>
    pass(request, body, (answer, content) => give(response, answer, content), () => request.socket.destroy()).end(altered(body)),
  'cut-reply': (request, response, body) =>
    pass(request, body, (answer, content) => {
      response.writeHead(answer.statusCode, { ...answer.headers, 'content-length': Math.max(content.length, 2) });
      response.write(content.subarray(0, content.length >> 1), () => request.socket.destroy());
    }, () => request.socket.destroy()).end(body),
  'alter-reply': (request, response, body) =>
    pass(request, body, (answer, content) => give(response, answer, altered(content)), () => request.socket.destroy()).end(body),
  // The store has done it, and nobody hears of it.
  'lose-reply': (request, response, body) =>
    pass(request, body, () => request.socket.destroy(), () => request.socket.destroy()).end(body),
};

const proxy = http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const body = Buffer.concat(pieces);
    const meant =
      fault.name !== 'none' && (fault.method === '*' || fault.method === request.method) &&
      (fault.pattern === '*' || request.url.includes(fault.pattern)) && (fault.times === 0 || fault.left > 0);
    if (meant) {
      ++broken;
      --fault.left;
      faults[fault.name](request, response, body);
    } else {
      pass(request, body, (answer, content) => give(response, answer, content), () => request.socket.destroy()).end(body);
    }
  });
});
proxy.requestTimeout = 0;
proxy.keepAliveTimeout = 60_000;

const control = http.createServer((request, response) => {
  let text = '';
  request.on('data', (piece) => (text += piece));
  request.on('end', () => {
    if (request.method === 'POST') {
      const [name, method = '*', pattern = '*', times = '0'] = text.trim().split(' ');
      if (name !== 'none' && !faults[name]) return response.writeHead(400).end('no such fault\n');
      fault = { name, method, pattern, times: Number(times), left: Number(times) };
      broken = 0;
    }
    response.end(`${broken}\n`);
  });
});

proxy.listen(0, '127.0.0.1', () =>
  control.listen(0, '127.0.0.1', () => {
    writeFileSync(`${portFile}.new`, `${proxy.address().port} ${control.address().port}\n`);
    renameSync(`${portFile}.new`, portFile);
  }),
);
process.on('SIGTERM', () => process.exit(0));
