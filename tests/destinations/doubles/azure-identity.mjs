#!/usr/bin/env node
// A double of who gives out tokens in Azure (the machine's identity service and a tenant's token server), and of a blob store that takes
// only such tokens: what bears one goes on to azurite, signed anew with the account's key, because azurite takes tokens over TLS only.
// Knows: the two token protocols, Shared Key. Must not know: what is stored.
// Usage: azure-identity.mjs PORT      AZURE_STORAGE_ACCOUNT, _KEY, _SERVICE_ENDPOINT say where azurite is; TENANT, CLIENT, ASSERTION,
//                                     SECRET what a workload has to show
// POST /_double/set?NAME=VALUE        life=SECONDS of tokens given; expire=1: none given is taken any longer; fail=N: the next N
//                                     requests for a token are answered with 503
// GET /_double/counts                 what was seen, as JSON
import crypto from 'node:crypto';
import http from 'node:http';

const env = process.env;
const upstream = new URL(env.AZURE_STORAGE_SERVICE_ENDPOINT);
const set = { life: 3600, fail: 0 };
const counts = { machine: 0, assertion: 0, secret: 0, passed: 0, denied: 0 };
let tokens = new Map(); // value -> until, in ms

const json = (response, status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));

function give(response, kind, asText) {
  if (set.fail > 0) {
    set.fail -= 1;
    return json(response, 503, { error: 'temporarily_unavailable' });
  }
  counts[kind] += 1;
  const token = crypto.randomBytes(24).toString('base64url');
  tokens.set(token, Date.now() + set.life * 1000);
  // The machine's service says its numbers as text.
  return json(response, 200, { token_type: 'Bearer', expires_in: asText ? String(set.life) : set.life, access_token: token });
}

function ofTenant(response, body) {
  const form = new URLSearchParams(body);
  const asked = form.get('grant_type') === 'client_credentials' && form.get('scope') === 'https://storage.azure.com/.default';
  if (!asked || form.get('client_id') !== env.CLIENT) return json(response, 400, { error: 'invalid_request' });
  if (form.has('client_secret')) {
    return form.get('client_secret') === env.SECRET ? give(response, 'secret', false) : json(response, 401, { error: 'invalid_client' });
  }
  const shown = form.get('client_assertion_type') === 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' ? form.get('client_assertion') : null;
  return shown === env.ASSERTION ? give(response, 'assertion', false) : json(response, 401, { error: 'invalid_client' });
}

function ofMachine(request, response, query) {
  const asked = request.headers.metadata === 'true' && query.get('api-version') === '2018-02-01' && query.get('resource') === 'https://storage.azure.com/';
  if (!asked) return json(response, 400, { error: 'invalid_request' });
  return query.has('client_id') && query.get('client_id') !== env.CLIENT ? json(response, 400, { error: 'invalid_request' }) : give(response, 'machine', true);
}

function pass(request, response, body) {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  if ((tokens.get(token) ?? 0) <= Date.now()) {
    counts.denied += 1;
    response.writeHead(401, { 'x-ms-error-code': 'InvalidAuthenticationInfo', 'content-length': 0 }).end();
    return;
  }
  counts.passed += 1;
  const [path, query] = request.url.split('?');
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !['authorization', 'host', 'connection', 'accept'].includes(name)));
  const named = ['content-encoding', 'content-language', null, 'content-md5', 'content-type', 'date', 'if-modified-since', 'if-match', 'if-none-match', 'if-unmodified-since', 'range'];
  const lines = named.map((name) => (name === null ? (body.length || '') : headers[name] ?? '') + '\n').join('');
  const own = Object.keys(headers).filter((name) => name.startsWith('x-ms-')).sort().map((name) => `${name}:${headers[name]}\n`).join('');
  const asked = [...new URLSearchParams(query)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `\n${name}:${value}`).join('');
  const text = `${request.method}\n${lines}${own}/${env.AZURE_STORAGE_ACCOUNT}${path}${asked}`;
  const signature = crypto.createHmac('sha256', Buffer.from(env.AZURE_STORAGE_KEY, 'base64')).update(text, 'utf8').digest('base64');
  headers.authorization = `SharedKey ${env.AZURE_STORAGE_ACCOUNT}:${signature}`;
  const on = http.request({ host: upstream.hostname, port: upstream.port, method: request.method, path: request.url, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  on.on('error', () => response.destroy());
  on.end(body);
}

http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const body = Buffer.concat(pieces);
    const at = new URL(request.url, 'http://double');
    if (at.pathname === '/_double/counts') return json(response, 200, counts);
    if (at.pathname === '/_double/set') {
      for (const [name, value] of at.searchParams) {
        if (name === 'expire') tokens = new Map();
        else set[name] = Number(value);
      }
      return response.writeHead(204).end();
    }
    if (at.pathname === '/metadata/identity/oauth2/token') return ofMachine(request, response, at.searchParams);
    if (at.pathname === `/${env.TENANT}/oauth2/v2.0/token`) return ofTenant(response, body.toString());
    return pass(request, response, body);
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
