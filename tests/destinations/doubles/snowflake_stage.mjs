// Files of an external stage, for the double: a folder or a bucket stands behind it. Knows COPY INTO's clauses, paths, and how a GET is
// signed for S3. Must not know what is in a file.
import { createHash, createHmac } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { chain_at, closing, is_sign, is_word, meaning, outermost, syntax, tokens } from './snowflake_text.mjs';
import { unsupported } from './snowflake_dialect.mjs';

const failure = (code, sqlState, words) => Object.assign(new Error(words), { code, sqlState });

// Every option that Snowflake has for JSON; what the double does not do is refused, what Snowflake does not know is a mistake.
const options = { FILES: 1, FILE_FORMAT: 1, ON_ERROR: 1, FORCE: 1, PURGE: 1, SIZE_LIMIT: 0, PATTERN: 0, RETURN_FAILED_ONLY: 0, MATCH_BY_COLUMN_NAME: 0, INCLUDE_METADATA: 0, ENFORCE_LENGTH: 0, TRUNCATECOLUMNS: 0, LOAD_UNCERTAIN_FILES: 0, VALIDATION_MODE: 0 };
const formats = { TYPE: ['JSON'], COMPRESSION: ['ZSTD', 'AUTO', 'GZIP', 'NONE'], STRIP_OUTER_ARRAY: ['FALSE'], STRIP_NULL_VALUES: ['FALSE'], ALLOW_DUPLICATE: ['FALSE'], REPLACE_INVALID_CHARACTERS: ['FALSE'], IGNORE_UTF8_ERRORS: ['FALSE'], ENABLE_OCTAL: ['FALSE'] };

// COPY INTO TABLE [(COLUMNS)] FROM (SELECT ... FROM @STAGE[/PATH] [ALIAS]) OPTIONS
// out  { target, columns, select: tokens before the stage, alias, stage: its text, options }
export function parse_copy(list) {
  if (!is_word(list[1], 'INTO')) throw syntax('COPY without INTO');
  const target = chain_at(list, 2);
  if (!target) throw unsupported('COPY INTO a location');
  let at = target.end;
  let columns = [];
  if (is_sign(list[at], '(')) {
    columns = list.slice(at, closing(list, at) + 1);
    at = closing(list, at) + 1;
  }
  if (!is_word(list[at], 'FROM')) throw syntax('COPY INTO without FROM');
  if (!is_sign(list[at + 1], '(')) throw unsupported('COPY INTO without a SELECT');
  const end = closing(list, at + 1);
  const select = list.slice(at + 2, end);
  const from = outermost(select, 0, 'FROM');
  const place = select[from + 1];
  const stage = place?.kind === 'stage' ? place.text : place?.kind === 'string' && place.value.startsWith('@') ? place.value : undefined;
  if (!is_word(select[0], 'SELECT') || !stage) throw syntax('COPY INTO of something else than SELECT ... FROM @STAGE');
  const alias = is_word(select[from + 2], 'AS') ? select.slice(from + 3) : select.slice(from + 2);
  // A transformation knows columns, casts and functions; a COPY with a condition or a join is refused there.
  if (alias.length > 1) throw syntax('COPY INTO with more than SELECT ... FROM @STAGE');
  return { target: target.parts, columns, select: select.slice(0, from), alias, stage, options: parse_options(list.slice(end + 1)) };
}

function parse_options(list) {
  const found = {};
  for (let at = 0; at < list.length; ) {
    const key = meaning(list[at]);
    if (!(key in options)) throw syntax(`invalid parameter '${key}'`);
    if (!options[key]) throw unsupported(`COPY INTO with ${key}`);
    if (!is_sign(list[at + 1], '=')) throw syntax(`${key} without =`);
    if (is_sign(list[at + 2], '(')) {
      const end = closing(list, at + 2);
      found[key] = list.slice(at + 3, end);
      at = end + 1;
    } else {
      found[key] = [list[at + 2]];
      at += 3;
    }
  }
  const text = (key, otherwise) => (found[key] ? (found[key][0].value ?? '').toUpperCase() : otherwise);
  if (text('ON_ERROR', 'ABORT_STATEMENT') !== 'ABORT_STATEMENT') throw unsupported('ON_ERROR that loses rows');
  if (text('PURGE', 'FALSE') !== 'FALSE') throw unsupported('PURGE');
  const format = {};
  const given = found.FILE_FORMAT ?? [];
  for (let at = 0; at < given.length; at += 3) {
    if (is_sign(given[at], ',')) at += 1;
    const [key, value] = [meaning(given[at]), given[at + 2]?.value?.toUpperCase()];
    if (key === 'FORMAT_NAME') throw unsupported('a named file format');
    if (!formats[key] || !is_sign(given[at + 1], '=')) throw syntax(`invalid file format option '${key}'`);
    if (!formats[key].includes(value)) throw syntax(`invalid value '${value}' for '${key}'`);
    format[key] = value;
  }
  if (format.TYPE !== 'JSON') throw unsupported('a file format other than JSON');
  if (!found.FILES) throw unsupported('COPY INTO without FILES');
  const files = found.FILES.filter((token) => token.kind === 'string').map((token) => token.value);
  if (files.length > 1000) throw failure('001003', '42000', 'FILES has more than 1000 names');
  return { files, compression: format.COMPRESSION ?? 'AUTO', force: text('FORCE', 'FALSE') === 'TRUE' };
}

// in   stages  { '["DB","SCHEMA","NAME"]': folder, or s3://BUCKET[/PREFIX] }
// out  [{ name: as METADATA$FILENAME has it, path: of a local copy, identity }]
export async function fetch_files(copy, stages, session, scratch) {
  const slash = copy.stage.indexOf('/');
  const list = tokens(copy.stage.slice(1, slash < 0 ? undefined : slash));
  const chain = chain_at(list, 0);
  if (!chain || chain.end !== list.length) throw syntax('a stage without a name');
  const names = chain.parts.map(meaning);
  const full = JSON.stringify([session.database, session.schema].slice(0, 3 - names.length).concat(names));
  const root = stages[full];
  if (!root) throw failure('002003', '02000', `Stage ${full} does not exist or not authorized.`);
  const folder = slash < 0 ? '' : copy.stage.slice(slash + 1).replace(/([^/])$/, '$1/');
  const all = [];
  for (const file of copy.options.files) {
    const relative = folder + file;
    const content = root.startsWith('s3://') ? await get_s3(root, relative) : read_local(root, relative);
    if (!content) throw failure('091016', '22000', `Remote file '${relative}' was not found.`);
    const local = path.join(scratch, `${all.length}-${path.basename(file)}`);
    fs.writeFileSync(local, content);
    all.push({ name: relative, path: local, identity: `${relative} ${createHash('md5').update(content).digest('hex')}` });
  }
  return all;
}

function read_local(root, relative) {
  const file = path.join(root, relative);
  if (path.relative(root, file).startsWith('..') || !fs.existsSync(file)) return undefined;
  return fs.readFileSync(file);
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

// A GET with Signature Version 4, the bucket in the path. src  AWS, "Create a signed AWS API request"
async function get_s3(root, relative) {
  const { AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_REGION: region = 'us-east-1' } = process.env;
  const key = `${root.slice('s3://'.length).replace(/\/$/, '')}/${relative}`;
  const url = new URL(endpoint);
  const where = `/${key.split('/').map(encode).join('/')}`;
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const headers = `host:${url.host}\nx-amz-content-sha256:${sha256('')}\nx-amz-date:${time}\n`;
  const signed = 'host;x-amz-content-sha256;x-amz-date';
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, sha256(['GET', where, '', headers, signed, sha256('')].join('\n'))].join('\n');
  const signing = hmac(hmac(hmac(hmac(`AWS4${secret}`, time.slice(0, 8)), region), 's3'), 'aws4_request');
  const signature = hmac(signing, text).toString('hex');
  const answer = await fetch(`${url.origin}${where}`, {
    headers: { 'x-amz-content-sha256': sha256(''), 'x-amz-date': time, authorization: `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${signed}, Signature=${signature}` },
  });
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw failure('091003', '58030', `Failure using stage area. Cause: status ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}
