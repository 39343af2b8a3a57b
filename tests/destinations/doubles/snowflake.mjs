// A double of Snowflake's SQL API (version 2): not Snowflake, but what its published specification says it answers, with statements parsed
// as Snowflake's and run on DuckDB. Knows requests: who may ask, ids and their repetition, 202 and polling, pieces of results, and faults
// that a test has ordered. Must not know SQL. Started by scripts/private-snowflake.
// src  snowflakedb/snowflake-rest-api-specs, specifications/sqlapi.yaml
//
// Where it falls short of the real one: from its first change to its end a transaction has all tables to itself; privileges, limits of
// size and lengths of texts are not checked; TIMESTAMP_TZ is kept in UTC; of two temporary tables with one name in
// two schemas only one is there; a text that becomes a point in time without a cast may be one that Snowflake refuses.
import { createHash, createPublicKey, randomUUID, verify } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import zlib from 'node:zlib';
import { Engine } from './snowflake_engine.mjs';
import { is_word, statements, written } from './snowflake_text.mjs';

const settings = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const { folder } = settings;
const engine = await Engine.open(settings);
const public_key = createPublicKey(fs.readFileSync(settings.public_key));
const fingerprint = createHash('sha256').update(public_key.export({ type: 'spki', format: 'der' })).digest('base64');
const piece_rows = settings.piece_rows ?? 1000;
const known = new Map(); // handle -> statement
const by_request = new Map(); // requestId -> handle
let faults = [];

const journal = (entry) => fs.appendFileSync(path.join(folder, 'journal'), `${JSON.stringify(entry)}\n`);

// A test orders faults by a file: [{ at: before|after|poll|partition, status, code, cut, stall_ms, times, match }], and for what runs
// { at: run, hold_ms }, { at: behind, until } (after a statement until a file is there; UNTIL.reached says that it is waited for),
// { at: patience, ms } before 202, { at: timeout } (it is forgotten), { at: clock, ahead_s }. Each is used up after `times`.
function fault(at, text = '') {
  const file = path.join(folder, 'faults');
  if (fs.existsSync(file)) {
    faults = JSON.parse(fs.readFileSync(file, 'utf8'));
    fs.rmSync(file);
  }
  const found = faults.find((one) => one.at === at && (one.times ?? 1) > 0 && (!one.match || text.includes(one.match)));
  if (found) found.times = (found.times ?? 1) - 1;
  return found;
}

function json(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
}

async function suffer(order, request, response) {
  if (order.stall_ms) await new Promise((done) => setTimeout(done, order.stall_ms));
  if (order.cut || order.stall_ms) request.socket.destroy();
  else if (order.html) response.writeHead(order.status, { 'content-type': 'text/html' }).end('<html>busy</html>');
  else json(response, order.status, { code: order.code ?? '', sqlState: order.sqlState ?? '', message: order.message ?? 'ordered by a test', statementHandle: randomUUID() });
}

const part = (text) => JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
function is_let_in(request, ahead_s) {
  try {
    const [, token] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '') ?? [];
    if ((request.headers['x-snowflake-authorization-token-type'] ?? 'KEYPAIR_JWT') !== 'KEYPAIR_JWT') return false;
    const [head, claims, signature, more] = token.split('.');
    const who = `${settings.account}.${settings.user}`;
    const said = part(claims);
    const now = Date.now() / 1000 + ahead_s;
    return (
      more === undefined &&
      part(head).alg === 'RS256' &&
      verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), public_key, Buffer.from(signature, 'base64url')) &&
      said.iss === `${who}.SHA256:${fingerprint}` &&
      said.sub === who &&
      said.exp > now &&
      said.iat <= now + 60 &&
      said.exp <= said.iat + 3600
    );
  } catch {
    return false;
  }
}

const keep = (about) => {
  const one = { handle: randomUUID(), created: Date.now(), ...about };
  known.set(one.handle, one);
  return one;
};

const only_in_company = (list) =>
  is_word(list[0], 'BEGIN', 'START', 'COMMIT', 'ROLLBACK', 'USE', 'SET', 'UNSET', 'CALL') || (is_word(list[0], 'ALTER') && is_word(list[1], 'SESSION')) ||
  (is_word(list[0], 'CREATE') && list.slice(1, 5).some((token) => is_word(token, 'TEMP', 'TEMPORARY')));

// Runs a request's statements in a session of their own, until one fails.
async function run(request, body, entry) {
  const parameters = Object.fromEntries(Object.entries(body.parameters ?? {}).map(([key, value]) => [key.toUpperCase(), value]));
  const wanted = Number(parameters.MULTI_STATEMENT_COUNT ?? 1);
  const order = fault('run', body.statement);
  const hold = (ms) => new Promise((done) => setTimeout(done, ms));
  let session;
  try {
    if (Buffer.byteLength(body.statement) > 1_048_576) throw Object.assign(new Error('a text of more than 1 MB (assumed)'), { code: '000002', sqlState: '54000' });
    const all = statements(body.statement);
    if (wanted !== 0 && all.length !== wanted) {
      throw Object.assign(new Error(`Actual statement count ${all.length} did not match the desired statement count ${wanted}.`), { code: '000008', sqlState: '0A000' });
    }
    if (all.length === 1 && only_in_company(all[0])) throw Object.assign(new Error('Unsupported statement type.'), { code: '391911', sqlState: '0A000' });
    session = await engine.session(body);
    request.interrupt = () => session.connection.interrupt();
    if (order?.hold_ms) await Promise.race([hold(order.hold_ms), new Promise((done) => (request.wake = done))]);
    const done = [];
    for (const list of all) {
      if (request.stop) throw request.stop;
      entry.statements.push(written(list, body.statement));
      done.push(await session.statement(list));
      const behind = fault('behind', entry.statements.at(-1));
      if (behind) fs.writeFileSync(`${behind.until}.reached`, '');
      while (behind && !fs.existsSync(behind.until)) await hold(20);
    }
    request.children = all.length > 1 ? done.map((result) => keep({ result }).handle) : undefined;
    request.result = all.length > 1 ? { types: [{ name: 'multiple statement execution', type: 'text', nullable: false }], rows: [['Multiple statements executed successfully.']] } : done[0];
  } catch (error) {
    request.failure = request.stop ?? { status: 422, code: error.code ?? '000603', sqlState: error.sqlState ?? 'XX000', message: error.message };
    Object.assign(entry, { code: request.failure.code, sqlState: request.failure.sqlState, message: error.message, engine: error.engine });
  } finally {
    await session?.close();
    request.is_done = true;
    journal(entry);
  }
}

function answer(response, one) {
  const url = `/api/v2/statements/${one.handle}`;
  const common = { statementHandle: one.handle, statementStatusUrl: url, createdOn: one.created };
  if (!one.is_done && !one.result) {
    json(response, 202, { code: '333333', sqlState: '00000', message: 'Asynchronous execution in progress.', ...common });
  } else if (one.failure) {
    const { status, ...words } = one.failure;
    json(response, status, { ...words, ...common });
  } else {
    const { types, rows, stats } = one.result;
    const pieces = [];
    for (let at = 0; at < rows.length || at === 0; at += piece_rows) pieces.push({ rowCount: Math.min(piece_rows, rows.length - at), uncompressedSize: 1 });
    json(response, 200, {
      code: '090001',
      sqlState: '00000',
      message: 'Statement executed successfully.',
      ...common,
      ...(one.children && { statementHandles: one.children }),
      resultSetMetaData: { format: 'jsonv2', numRows: rows.length, rowType: types, partitionInfo: pieces },
      data: rows.slice(0, piece_rows),
      ...(stats && { stats }),
    });
  }
}

async function post(request, response, url, text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    return json(response, 400, { code: '391902', message: 'Unable to parse the request body.' });
  }
  const id = url.searchParams.get('requestId') ?? '';
  const entry = { requestId: id, retry: url.searchParams.get('retry') === 'true', tag: body.parameters?.query_tag, agent: request.headers['user-agent'], ran: false, text: body.statement, statements: [] };
  const before = fault('before', body.statement);
  if (before) {
    journal({ ...entry, suffered: before.status ?? 'cut' });
    return suffer(before, request, response);
  }
  let one = entry.retry && known.get(by_request.get(id));
  if (one) journal(entry);
  else {
    one = keep({});
    by_request.set(id, one.handle);
    entry.ran = true;
    const limit = body.timeout && !fault('timeout', body.statement) ? setTimeout(() => stop(one, 408, '000630', 'Statement reached its statement or warehouse timeout.'), body.timeout * 1000) : undefined;
    one.ending = run(one, body, entry).finally(() => clearTimeout(limit));
  }
  const after = fault('after', body.statement);
  if (after) {
    await one.ending;
    return suffer(after, request, response);
  }
  const patience = url.searchParams.get('async') === 'true' ? 0 : (fault('patience', body.statement)?.ms ?? 45_000);
  let timer;
  await Promise.race([one.ending, new Promise((done) => (timer = setTimeout(done, patience)))]);
  clearTimeout(timer);
  answer(response, one);
}

function stop(one, status, code, message) {
  if (one.is_done) return;
  one.stop = { status, code, sqlState: '57014', message };
  one.interrupt?.();
  one.wake?.();
}

async function serve(request, response) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const url = new URL(request.url, 'http://double');
  if (!/^[^\s/]+\/\S/.test(request.headers['user-agent'] ?? '')) return json(response, 400, { code: '391903', message: 'The request has no valid User-Agent.' });
  const ahead_s = fault('clock')?.ahead_s ?? 0;
  response.setHeader('date', new Date(Date.now() + ahead_s * 1000).toUTCString());
  if (!is_let_in(request, ahead_s)) {
    journal({ suffered: 401, denied: true });
    return json(response, 401, { code: '390144', message: 'JWT token is invalid.' });
  }
  const [, handle, act] = /^\/api\/v2\/statements(?:\/([^/]+)(\/cancel)?)?$/.exec(url.pathname) ?? [0, 'none', 'none'];
  if (request.method === 'POST' && !handle) return post(request, response, url, Buffer.concat(pieces).toString('utf8'));
  const one = known.get(handle);
  if (!one) return json(response, 404, { code: '390404', message: 'Not found.' });
  if (request.method === 'POST' && act) {
    stop(one, 422, '000604', 'SQL execution canceled');
    journal({ cancelled: handle });
    return json(response, 200, { code: '000604', message: 'successfully canceled', statementHandle: handle });
  }
  if (request.method !== 'GET') return json(response, 405, { code: '391901', message: 'Method not allowed.' });
  const piece = Number(url.searchParams.get('partition') ?? 0);
  const order = fault(piece ? 'partition' : 'poll');
  if (order) return suffer(order, request, response);
  if (!piece || !one.result) return answer(response, one);
  const rows = one.result.rows.slice(piece * piece_rows, (piece + 1) * piece_rows);
  return json(response, 200, zlib.gzipSync(JSON.stringify({ data: rows })), { 'content-encoding': 'gzip' });
}

const server = http.createServer((request, response) => {
  serve(request, response).catch((error) => {
    console.error(error);
    if (!response.headersSent) json(response, 500, { code: '000603', message: 'the double broke' });
  });
});
server.keepAliveTimeout = 60_000;
server.listen(settings.port ?? 0, '127.0.0.1', () => {
  fs.writeFileSync(path.join(folder, 'port.new'), String(server.address().port));
  fs.renameSync(path.join(folder, 'port.new'), path.join(folder, 'port'));
});
