// From a statement of Snowflake's to statements of DuckDB's, for the double. A parser of Snowflake's SQL decides whether it is one and
// turns most of it over; here is what that leaves: names, paths into JSON, casts that Snowflake refuses, keys that it does not enforce.
// Must not run anything.
import { createRequire } from 'node:module';
import { chain_at, closing, is_name, is_sign, is_word, mangle, meaning, outermost, quoted, syntax, text_of, tokens } from './snowflake_text.mjs';

let parser;
export async function load_parser(packages) {
  parser = createRequire(`${packages}/`)('@polyglot-sql/sdk');
  await parser.init();
}

const word = (text) => ({ kind: 'word', text, value: text });
const sign = (text) => ({ kind: 'sign', text, value: text });
const name = (value) => ({ kind: 'name', text: quoted(value), value });
const string = (value) => ({ kind: 'string', text: '', value });

export function check_syntax(list) {
  const answer = parser.parse(text_of(list), 'snowflake');
  if (!answer.success) throw syntax(answer.error);
}

// in   list  tokens of one statement; session: database, schema, temporary (names in full of its temporary tables)
// out  DuckDB's statements
export function translate(list, session) {
  let rewritten = drop_unenforced(list);
  rewritten = strip_set_qualifiers(rewritten);
  rewritten = rewrite_names(rewritten, session);
  const answer = parser.transpile(text_of(rewritten), 'snowflake', 'duckdb');
  if (!answer.success || answer.sql.length !== 1) throw syntax(answer.error ?? 'more than one statement');
  const duck = rewrite_types(tokens_of_duck(answer.sql[0]));
  return split_alter(duck).map(duck_text);
}

// DuckDB's text has no backslash escapes: its strings are read before they are tokens of ours.
export function tokens_of_duck(sql) {
  const parts = sql.split(/('(?:[^']|'')*'|"(?:[^"]|"")*")/);
  return parts.flatMap((part) => (part.startsWith("'") ? [string(part.slice(1, -1).replaceAll("''", "'"))] : tokens(part)));
}
export const duck_text = (list) =>
  list.map((t) => (t.kind === 'string' ? `'${t.value.replaceAll("'", "''")}'` : t.text)).join(' ');

// Keys are declared and not enforced; COPY GRANTS and TRANSIENT mean nothing here.
function drop_unenforced(list) {
  if (!is_word(list[0], 'CREATE')) return list;
  const kept = [];
  for (let i = 0; i < list.length; ++i) {
    if (is_word(list[i], 'COPY') && is_word(list[i + 1], 'GRANTS')) {
      i += 1;
      continue;
    }
    if (is_word(list[i], 'TRANSIENT')) continue;
    const is_key = is_word(list[i], 'PRIMARY') && is_word(list[i + 1], 'KEY');
    if (is_key || (is_word(list[i], 'UNIQUE') && kept.length > 3)) {
      i += is_key ? 1 : 0;
      if (is_sign(list[i + 1], '(')) {
        i = closing(list, i + 1);
        if (is_word(kept.at(-2), 'CONSTRAINT')) kept.splice(-2);
        if (is_sign(kept.at(-1), ',')) kept.pop();
        else if (is_sign(list[i + 1], ',')) i += 1;
      }
      continue;
    }
    kept.push(list[i]);
  }
  return kept;
}

// Of CREATE VIEW: `(name COMMENT 'text', ...) COMMENT = 'text'` behind the view's name, which DuckDB says in statements of their own.
// The names are taken to be those that the query gives: the parser loses their quotes.
// out  rest: the statement without list and comments; comments: { column (none: of the view), text } as tokens
export function take_comments(list, at) {
  const comments = [];
  let i = at;
  if (is_sign(list[i], '(')) {
    const end = closing(list, i);
    for (; i < end; ++i) {
      if (is_word(list[i], 'COMMENT') && list[i + 1]?.kind === 'string') comments.push({ column: list[i - 1], text: list[i + 1] });
    }
    i = end + 1;
  }
  if (is_word(list[i], 'COMMENT') && is_sign(list[i + 1], '=') && list[i + 2]?.kind === 'string') {
    comments.push({ text: list[i + 2] });
    i += 3;
  }
  return { rest: [...list.slice(0, at), ...list.slice(i)], comments };
}

// SET t.a = 1 is SET a = 1.
function strip_set_qualifiers(list) {
  if (!is_word(list[0], 'UPDATE', 'MERGE')) return list;
  const kept = [];
  let in_set = false;
  for (let i = 0; i < list.length; ++i) {
    if (is_word(list[i], 'SET')) in_set = true;
    if (is_word(list[i], 'WHEN', 'FROM', 'WHERE')) in_set = false;
    const begins = in_set && (is_word(list[i - 1], 'SET') || is_sign(list[i - 1], ','));
    if (begins && is_name(list[i]) && is_sign(list[i + 1], '.') && is_name(list[i + 2]) && is_sign(list[i + 3], '=')) i += 2;
    kept.push(list[i]);
  }
  return kept;
}

const catalog = { TABLES: 'sf_tables', VIEWS: 'sf_views', COLUMNS: 'sf_columns', SCHEMATA: 'sf_schemata' };
const functions = { TO_NUMBER: 'SF_TO_NUMBER', TO_DECIMAL: 'SF_TO_NUMBER', TO_NUMERIC: 'SF_TO_NUMBER', CURRENT_TIMESTAMP: 'SF_NOW', LOCALTIMESTAMP: 'SF_NOW', SYSDATE: 'SF_NOW', TO_TIMESTAMP_TZ: 'SF_TZ', TO_TIMESTAMP_NTZ: 'SF_NTZ', TO_DATE: 'SF_DATE', ARRAY_CONTAINS: 'SF_ARRAY_CONTAINS' };

function rewrite_names(list, session) {
  const out = [];
  for (let i = 0; i < list.length; ) {
    const token = list[i];
    const begin = out.length;
    if (token.kind === 'stage') throw unsupported('a stage outside of COPY INTO');
    if (token.kind === 'column') {
      out.push(name(token.text));
      i += 1;
    } else if (token.kind === 'word' && functions[token.text.toUpperCase()] && !is_sign(list[i - 1], '.')) {
      out.push(word(functions[token.text.toUpperCase()]));
      i += 1;
      if (!is_sign(list[i], '(')) out.push(sign('('), sign(')'));
    } else if (is_name(token)) {
      const chain = chain_at(list, i);
      out.push(...rewritten_chain(chain.parts, session));
      i = chain.end;
      if (is_sign(list[i], '.') && list[i + 1]?.kind === 'column') {
        out.push(sign('.'), name(list[i + 1].text));
        i += 2;
      }
    } else {
      out.push(token);
      i += 1;
    }
    // A path into JSON: `$1:row."a"[0]::TYPE`. With a cast behind it is the text of what is there, else JSON.
    if (is_sign(list[i], ':') && (token.kind === 'column' || is_name(token))) {
      let path = '$';
      [path, i] = path_at(list, i);
      const cast = is_sign(list[i], '::') && !is_word(list[i + 1], 'VARIANT', 'OBJECT', 'ARRAY');
      const base = out.splice(begin);
      out.push(word(cast ? 'SF_TEXT' : 'SF_JSON'), sign('('), ...base, sign(','), string(path), sign(')'));
    }
  }
  return out;
}

function path_at(list, at) {
  let path = '$';
  let i = at;
  for (;;) {
    if ((i === at && is_sign(list[i], ':')) || is_sign(list[i], '.') || (is_sign(list[i], ':') && is_name(list[i + 1]))) {
      if (!is_name(list[i + 1])) throw syntax('a path that ends in nothing');
      path += `."${list[i + 1].value.replaceAll('"', '\\"')}"`;
      i += 2;
    } else if (is_sign(list[i], '[') && is_sign(list[i + 2], ']')) {
      path += list[i + 1].kind === 'string' ? `."${list[i + 1].value}"` : `[${list[i + 1].text}]`;
      i += 3;
    } else return [path, i];
  }
}

function rewritten_chain(parts, session) {
  const schema_at = parts.findIndex((part) => meaning(part) === 'INFORMATION_SCHEMA');
  if (schema_at >= 0 && parts.length > schema_at + 1) {
    const view = catalog[meaning(parts[schema_at + 1])];
    if (!view) throw unsupported(`INFORMATION_SCHEMA.${meaning(parts[schema_at + 1])}`);
    return [name(view), ...parts.slice(schema_at + 2).flatMap((part) => [sign('.'), mangled(part)])];
  }
  // A temporary table is known by its last name alone there.
  for (const size of [3, 2]) {
    if (parts.length < size) continue;
    const full = full_name(parts.slice(0, size), session);
    if (session.temporary.has(full)) parts = parts.slice(size - 1);
  }
  return parts.flatMap((part, i) => [...(i ? [sign('.')] : []), mangled(part)]);
}

const mangled = (part) => (part.kind === 'name' ? name(mangle(part.value)) : part.text.includes('$') ? name(part.text.toUpperCase()) : part);

export function full_name(parts, session) {
  const given = parts.map(meaning);
  return JSON.stringify([session.database, session.schema].slice(0, 3 - given.length).concat(given));
}

export function unsupported(what) {
  return Object.assign(new Error(`Unsupported feature '${what}' (of the double).`), { code: '000002', sqlState: '0A000' });
}

// What Snowflake refuses and DuckDB takes: infinity as a point in time, for one.
const checked = { TIMESTAMPTZ: 'SF_TZ', TIMESTAMPNTZ: 'SF_NTZ', TIMESTAMP: 'SF_NTZ', DATE: 'SF_DATE', VARIANT: 'TO_JSON' };
const types = { TIMESTAMPNTZ: 'TIMESTAMP', TIME: 'TIME', VARIANT: 'JSON', OBJECT: 'JSON' };

function rewrite_types(list) {
  const out = [];
  const open = [];
  for (let i = 0; i < list.length; ++i) {
    const token = list[i];
    if (is_sign(token, '(')) open.push({ cast: is_word(out.at(-1), 'CAST') ? out.length - 1 : -1 });
    if (is_sign(token, ')')) {
      const { cast, as } = open.pop() ?? {};
      const made = cast >= 0 && as !== undefined && checked[out[as + 1]?.text.toUpperCase()];
      if (made) {
        out.splice(as);
        out[cast] = word(made);
      }
    }
    if (open.length && open.at(-1).cast >= 0 && is_word(token, 'AS')) open.at(-1).as = out.length;
    out.push(token);
  }
  for (let i = 0; i < out.length; ++i) {
    const type = out[i].kind === 'word' && types[out[i].text.toUpperCase()];
    if (!type) continue;
    out[i] = word(type);
    if (is_sign(out[i + 1], '(')) out.splice(i + 1, closing(out, i + 1) - i);
  }
  return out;
}

// DuckDB adds one column a statement.
function split_alter(list) {
  const at = outermost(list, 0, 'ADD', 'DROP');
  if (!is_word(list[0], 'ALTER') || at < 0) return [list];
  const parts = [];
  let one = [];
  for (let i = at, depth = 0; i < list.length; ++i) {
    if (is_sign(list[i], '(')) depth += 1;
    if (is_sign(list[i], ')')) depth -= 1;
    if (depth === 0 && is_sign(list[i], ',') && is_word(list[i + 1], 'ADD', 'DROP')) {
      parts.push(one);
      one = [];
    } else one.push(list[i]);
  }
  return [...parts, one].map((part) => [...list.slice(0, at), ...part]);
}

// Of a MERGE of DuckDB's: a query that has a row when two rows of the source would change one of the target, which Snowflake refuses
// and DuckDB does not see. src  Snowflake docs, MERGE, "Deterministic results"
export function duplicates_of_merge(sql) {
  const list = tokens_of_duck(sql);
  const using = outermost(list, 0, 'USING');
  const on = outermost(list, using, 'ON');
  const first = outermost(list, on, 'WHEN');
  const target = list.slice(2, using);
  const alias = target.at(-1);
  const acts = [];
  for (let at = first; at >= 0; ) {
    const then = outermost(list, at, 'THEN');
    const end = outermost(list, then, 'WHEN');
    if (is_word(list[at + 1], 'MATCHED')) {
      const condition = is_word(list[at + 2], 'AND') ? duck_text(list.slice(at + 3, then)) : 'TRUE';
      acts.push(`WHEN ${condition} THEN '${is_word(list[then + 1], 'DELETE') ? 'd' : 'u'}'`);
    }
    at = end;
  }
  if (!acts.length) return undefined;
  return (
    `SELECT 1 FROM (SELECT ${duck_text([alias])}.rowid AS r, CASE ${acts.join(' ')} END AS act FROM ${duck_text(target)} ` +
    `INNER JOIN ${duck_text(list.slice(using + 1, on))} ON ${duck_text(list.slice(on + 1, first))}) ` +
    "GROUP BY r HAVING count(act) > 1 AND count(*) FILTER (WHERE act = 'u') > 0 LIMIT 1"
  );
}
