#!/usr/bin/env node
// A double of Google Cloud Storage, on loopback: there is no server of Google's to run here. It is not the real service; what it checks
// is checked as Google documents it, with node's own cryptography and none of ours.
// Knows: the XML protocol as far as a stage uses it, self-signed tokens (RS256), GOOG4-HMAC-SHA256, the metadata server, generations.
// Must not know: what objects are for. Objects are files in FOLDER/objects, so that it may be killed and started again.
// Usage: gcs.mjs FOLDER PORT      reads FOLDER/double.json: bucket, email, kid, public_key (PEM), hmac {id, secret}
// POST /_double/set?NAME=VALUE    makes it do something: fail=STATUS&count=N (the next N requests), lose=N (N creations are done and
//                                 answered with 503), damage=N (N bodies change on their way), expire=1 (no token given is taken any
//                                 longer), life=SECONDS (of tokens given), creator=1 (writing over and removing: 403 before any condition)
// GET /_double/counts             what was seen, as JSON
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const [folder, port] = [process.argv[2], Number(process.argv[3])];
const known = JSON.parse(fs.readFileSync(path.join(folder, 'double.json'), 'utf8'));
const publicKey = crypto.createPublicKey(known.public_key);
const objects = path.join(folder, 'objects');
fs.mkdirSync(objects, { recursive: true });

const kPageNames = 100;
const kClockSeconds = 900;
const set = { fail: 0, count: 0, lose: 0, damage: 0, life: 3600, creator: 0 };
const counts = { requests: 0, created: 0, conflicts: 0, removed: 0, denied: 0, tokens: 0, jwts: 0, hmacs: 0, pages: 0 };
const jwts = new Set();
let tokens = new Map(); // value -> until, in ms
const revoked = new Set(); // of those that were signed by whoever bears them

class Refusal extends Error {
  constructor(status, code) { super(code); this.status = status; this.code = code; }
}
const must = (condition, status, code) => { if (!condition) throw new Refusal(status, code); };

// One object's file: its generation in the first line, then its bytes. Written beside and named, as one step for whoever asks.
const fileOf = (name) => path.join(objects, encodeURIComponent(name).replaceAll('.', '%2E'));
const nameOf = (file) => decodeURIComponent(file);
function load(name) {
  // A name longer than a file's may be lies under its digest.
  const file = place(name);
  if (!fs.existsSync(file)) return null;
  const bytes = fs.readFileSync(file);
  const end = bytes.indexOf(10);
  const head = JSON.parse(bytes.subarray(0, end).toString());
  return { ...head, body: bytes.subarray(end + 1) };
}
function place(name) {
  const file = fileOf(name);
  return path.basename(file).length <= 200 ? file : path.join(objects, '~' + crypto.createHash('sha256').update(name).digest('hex'));
}
function names() {
  return fs.readdirSync(objects).filter((file) => !file.endsWith('.new')).map((file) => {
    if (!file.startsWith('~')) return nameOf(file);
    const bytes = fs.readFileSync(path.join(objects, file));
    return JSON.parse(bytes.subarray(0, bytes.indexOf(10)).toString()).name;
  }).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
let generation = Date.now() * 1000;
function store(name, body) {
  generation = Math.max(generation + 1, Date.now() * 1000);
  const file = place(name);
  fs.writeFileSync(file + '.new', Buffer.concat([Buffer.from(JSON.stringify({ name, generation }) + '\n'), body]));
  fs.renameSync(file + '.new', file);
  return generation;
}

// A token that a service account signed itself: signature, issuer, scope and times.
function checkJwt(token) {
  const parts = token.split('.');
  must(parts.length === 3 && parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part)), 401, 'AuthenticationRequired');
  const [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
  must(header.alg === 'RS256' && header.kid === known.kid, 401, 'InvalidKey');
  const signed = crypto.verify('RSA-SHA256', Buffer.from(parts[0] + '.' + parts[1]), publicKey, Buffer.from(parts[2], 'base64url'));
  must(signed, 401, 'InvalidSignature');
  const now = Date.now() / 1000;
  must(claims.iss === known.email && claims.sub === known.email, 401, 'InvalidIssuer');
  must(claims.scope === 'https://www.googleapis.com/auth/devstorage.read_write', 403, 'InsufficientScope');
  must(Number.isInteger(claims.iat) && Number.isInteger(claims.exp) && claims.exp - claims.iat <= 3600, 401, 'InvalidTimes');
  must(claims.iat <= now + 60 && claims.exp > now && !revoked.has(token), 401, 'ExpiredToken');
  if (!jwts.has(token)) { jwts.add(token); counts.jwts += 1; }
}

// GOOG4-HMAC-SHA256 over what really came in.
function checkHmac(request, url, body) {
  const form = /^GOOG4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/storage\/goog4_request,\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})$/;
  const found = form.exec(request.headers.authorization);
  must(found, 403, 'InvalidSecurity');
  const [, id, day, region, signedNames, signature] = found;
  must(id === known.hmac.id, 403, 'InvalidAccessKeyId');
  const stamp = request.headers['x-goog-date'] ?? '';
  must(/^\d{8}T\d{6}Z$/.test(stamp) && stamp.startsWith(day), 403, 'InvalidSecurity');
  const then = Date.parse(stamp.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  must(Math.abs(Date.now() - then) <= kClockSeconds * 1000, 403, 'RequestTimeTooSkewed');
  const list = signedNames.split(';');
  const needed = ['host', ...Object.keys(request.headers).filter((name) => name.startsWith('x-goog-'))];
  must(needed.every((name) => list.includes(name)) && list.join() === [...list].sort().join(), 403, 'AccessDenied');
  const query = (url.split('?')[1] ?? '').split('&').filter(Boolean).sort().join('&');
  const payload = request.headers['x-goog-content-sha256'];
  const canonical = [request.method, url.split('?')[0], query,
    ...list.map((name) => name + ':' + request.headers[name].trim()), '', signedNames, payload].join('\n');
  const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
  const scope = `${day}/${region}/storage/goog4_request`;
  const text = ['GOOG4-HMAC-SHA256', stamp, scope, sha256(canonical)].join('\n');
  const key = [day, region, 'storage', 'goog4_request'].reduce(
    (secret, part) => crypto.createHmac('sha256', secret).update(part).digest(), 'GOOG4' + known.hmac.secret);
  must(crypto.createHmac('sha256', key).update(text).digest('hex') === signature, 403, 'SignatureDoesNotMatch');
  must(sha256(body) === payload, 400, 'BadDigest');
  counts.hmacs += 1;
}

function checkEntry(request, url, body) {
  const shown = request.headers.authorization ?? '';
  must(shown !== '', 401, 'AuthenticationRequired');
  if (!shown.startsWith('Bearer ')) return checkHmac(request, url, body);
  const token = shown.slice('Bearer '.length);
  if (token.includes('.')) return checkJwt(token);
  must((tokens.get(token) ?? 0) > Date.now(), 401, 'AuthenticationRequired');
}

const xml = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
// As in an address, but for the slash, which Google's listings leave.
const encoded = (text) => encodeURIComponent(text).replaceAll('%2F', '/');

function contents(name) {
  const about = fs.statSync(place(name));
  return `<Contents><Key>${xml(encoded(name))}</Key><Generation>1</Generation><LastModified>${about.mtime.toISOString()}</LastModified><Size>${load(name).body.length}</Size></Contents>`;
}

function listing(query) {
  must(query.get('list-type') === '2' && query.get('encoding-type') === 'url', 400, 'InvalidArgument');
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? ''];
  const after = query.has('continuation-token') ? Buffer.from(query.get('continuation-token'), 'base64').toString() : query.get('start-after') ?? '';
  const found = [];
  for (const name of names()) {
    if (!name.startsWith(prefix)) continue;
    const cut = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    const shown = cut < 0 ? name : name.slice(0, cut + delimiter.length);
    if (found.at(-1)?.shown !== shown) found.push({ shown, isFolder: cut >= 0 });
  }
  const left = found.filter(({ shown }) => after === '' || Buffer.compare(Buffer.from(shown), Buffer.from(after)) > 0);
  const page = left.slice(0, kPageNames);
  counts.pages += 1;
  const lines = page.map(({ shown, isFolder }) => isFolder
    ? `<CommonPrefixes><Prefix>${xml(encoded(shown))}</Prefix></CommonPrefixes>` : contents(shown));
  if (left.length > page.length) {
    lines.push(`<IsTruncated>true</IsTruncated><NextContinuationToken>${Buffer.from(page.at(-1).shown).toString('base64')}</NextContinuationToken>`);
  }
  return `<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'><Name>${known.bucket}</Name>${lines.join('')}</ListBucketResult>`;
}

function remove(name) {
  must(load(name), 404, 'NoSuchKey');
  must(!set.creator, 403, 'AccessDenied');
  fs.unlinkSync(place(name));
  counts.removed += 1;
  return { status: 204, headers: {}, body: '' };
}

function put(request, name, body) {
  const md5 = crypto.createHash('md5').update(body).digest('base64');
  must(request.headers['content-md5'] === md5, 400, 'BadDigest');
  const there = load(name);
  must(!(there && set.creator), 403, 'AccessDenied');
  const wanted = request.headers['x-goog-if-generation-match'];
  if (wanted !== undefined && Number(wanted) !== (there?.generation ?? 0)) {
    counts.conflicts += 1;
    throw new Refusal(412, 'PreconditionFailed');
  }
  // All of this is one step of the loop of events: of two that create a name, the second finds the first's.
  const made = store(name, body);
  counts.created += 1;
  if (set.lose > 0) {
    set.lose -= 1;
    throw new Refusal(503, 'ServiceUnavailable');
  }
  return { status: 200, headers: { 'x-goog-generation': String(made), 'x-goog-hash': 'md5=' + md5 }, body: '' };
}

function get(request, name) {
  const there = load(name);
  must(there, 404, 'NoSuchKey');
  const wanted = request.headers['x-goog-if-generation-match'];
  must(wanted === undefined || Number(wanted) === there.generation, 412, 'PreconditionFailed');
  const headers = { 'x-goog-generation': String(there.generation), etag: '"x"' };
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (!range) return { status: 200, headers, body: there.body };
  must(Number(range[1]) < there.body.length, 416, 'InvalidRange');
  return { status: 206, headers, body: there.body.subarray(Number(range[1]), Number(range[2]) + 1) };
}

function answer(request, url, body) {
  const at = new URL(url, 'http://double');
  if (at.pathname === '/_double/set') {
    for (const [name, value] of at.searchParams) {
      if (name !== 'expire') { set[name] = Number(value); continue; }
      tokens = new Map();
      for (const token of jwts) revoked.add(token);
    }
    return { status: 204, headers: {}, body: '' };
  }
  if (at.pathname === '/_double/counts') return { status: 200, headers: {}, body: JSON.stringify(counts) };
  counts.requests += 1;
  if (set.count > 0) {
    set.count -= 1;
    throw new Refusal(set.fail, 'Injected');
  }
  if (at.pathname === '/computeMetadata/v1/instance/service-accounts/default/token') {
    must(request.headers['metadata-flavor'] === 'Google', 403, 'Forbidden');
    const token = crypto.randomBytes(24).toString('base64url');
    tokens.set(token, Date.now() + set.life * 1000);
    counts.tokens += 1;
    return { status: 200, headers: { 'metadata-flavor': 'Google' }, body: JSON.stringify({ access_token: token, expires_in: set.life, token_type: 'Bearer' }) };
  }
  if (set.damage > 0 && body.length > 0) {
    set.damage -= 1;
    body = Buffer.concat([body.subarray(1), body.subarray(0, 1)]);
  }
  checkEntry(request, url, body);
  const [, bucket, ...rest] = at.pathname.split('/');
  must(bucket === known.bucket, 404, 'NoSuchBucket');
  const name = decodeURIComponent(rest.join('/'));
  if (name === '') return { status: 200, headers: { 'content-type': 'application/xml' }, body: listing(at.searchParams) };
  if (request.method === 'PUT') return put(request, name, body);
  if (request.method === 'DELETE') return remove(name);
  must(request.method === 'GET' || request.method === 'HEAD', 405, 'MethodNotAllowed');
  return get(request, name);
}

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    let result;
    try {
      result = answer(request, request.url, Buffer.concat(pieces));
    } catch (trouble) {
      const { status, code } = trouble instanceof Refusal ? trouble : { status: 500, code: 'InternalError' };
      if (!(trouble instanceof Refusal)) console.error(trouble);
      if (status === 401 || status === 403) counts.denied += 1;
      result = { status, headers: { 'content-type': 'application/xml' }, body: `<?xml version='1.0'?><Error><Code>${code}</Code></Error>` };
    }
    const length = Buffer.byteLength(result.body);
    response.writeHead(result.status, { ...result.headers, 'content-length': length });
    response.end(request.method === 'HEAD' ? '' : result.body);
  });
});
server.keepAliveTimeout = 60000;
server.listen(port, '127.0.0.1');
