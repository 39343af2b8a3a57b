// The text of Snowflake's SQL for the double: tokens, statements, names as Snowflake means them and as DuckDB can hold them.
// Knows the lexical rules of both. Must not know what a statement does.

// kind: string (value decoded), name (quoted; value without quotes), word, number, stage (@...), sign
// at: where in the text it begins
export function tokens(sql) {
  const found = [];
  let at = 0;
  const take = (kind, end, value) => {
    found.push({ kind, text: sql.slice(at, end), value: value ?? sql.slice(at, end), at });
    at = end;
  };
  while (at < sql.length) {
    const rest = sql.slice(at, at + 2);
    const c = sql[at];
    let m;
    if (/\s/.test(c)) at += 1;
    else if (rest === '--' || rest === '//') at = (sql.indexOf('\n', at) + 1 || sql.length + 1) - 1 || sql.length;
    else if (rest === '/*') {
      const end = sql.indexOf('*/', at + 2);
      if (end < 0) throw syntax('a comment without an end');
      at = end + 2;
    } else if (rest === '$$') {
      const end = sql.indexOf('$$', at + 2);
      if (end < 0) throw syntax('a string without an end');
      take('string', end + 2, sql.slice(at + 2, end));
    } else if (c === "'") {
      const [end, value] = string_at(sql, at);
      take('string', end, value);
    } else if (c === '"') {
      const end = name_end(sql, at);
      take('name', end, sql.slice(at + 1, end - 1).replaceAll('""', '"'));
    } else if (c === '@') {
      let end = at + 1;
      while (end < sql.length && !/[\s();,]/.test(sql[end])) end = sql[end] === '"' ? name_end(sql, end) : end + 1;
      take('stage', end);
    } else if ((m = /^[A-Za-z_][A-Za-z0-9_$]*/.exec(sql.slice(at, at + 300)))) take('word', at + m[0].length);
    else if ((m = /^(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/.exec(sql.slice(at, at + 300)))) take('number', at + m[0].length);
    else if ((m = /^\$\d+/.exec(sql.slice(at, at + 20)))) take('column', at + m[0].length);
    else if ((m = /^(->>|->|::|=>|\|\||<>|!=|>=|<=)/.exec(sql.slice(at, at + 3)))) take('sign', at + m[0].length);
    else if (/[-+*/%=<>(),.:;[\]{}?&|^~!]/.test(c)) take('sign', at + 1);
    else throw syntax(`an unexpected character ${JSON.stringify(c)}`);
  }
  return found;
}

export function syntax(words) {
  return Object.assign(new Error(`SQL compilation error: ${words}`), { code: '001003', sqlState: '42000' });
}

function name_end(sql, at) {
  let end = at + 1;
  for (;;) {
    end = sql.indexOf('"', end);
    if (end < 0) throw syntax('a name without an end');
    if (sql[end + 1] !== '"') return end + 1;
    end += 2;
  }
}

const escapes = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', 0: '\0' };
function string_at(sql, at) {
  let value = '';
  for (let i = at + 1; i < sql.length; ++i) {
    if (sql[i] === "'") {
      if (sql[i + 1] !== "'") return [i + 1, value];
      i += 1;
      value += "'";
    } else if (sql[i] === '\\') {
      const m = /^(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[0-7]{3})/.exec(sql.slice(i + 1, i + 6));
      if (m) {
        value += String.fromCharCode(/^[ux]/.test(m[0]) ? parseInt(m[0].slice(1), 16) : parseInt(m[0], 8));
        i += m[0].length;
      } else {
        i += 1;
        value += escapes[sql[i]] ?? sql[i] ?? '';
      }
    } else value += sql[i];
  }
  throw syntax('a string without an end');
}

// Statements of a request's text, each as its tokens and its own text; empty ones are none.
export function statements(sql) {
  const all = [];
  let one = [];
  for (const token of [...tokens(sql), { kind: 'sign', text: ';' }]) {
    if (token.kind === 'sign' && token.text === ';') {
      if (one.length) all.push(one);
      one = [];
    } else one.push(token);
  }
  return all;
}

// A statement as it was written.
export const written = (list, sql) => sql.slice(list[0].at, list.at(-1).at + list.at(-1).text.length);

export const literal = (value) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
export const quoted = (name) => `"${name.replaceAll('"', '""')}"`;
// The text again, for a parser of Snowflake's SQL.
export const text_of = (list) =>
  list.map((t) => (t.kind === 'string' ? literal(t.value) : t.text)).join(' ');

// DuckDB does not tell "t" from "T", Snowflake does: a name with small letters bears which of its letters are large at its end, in hex.
// A name without small letters is what an unquoted one means. Letters beyond ASCII are told apart by DuckDB too.
const mark = /__q[0-9a-f]+$/;
export function mangle(name) {
  if (!/[a-z]/.test(name) && !mark.test(name)) return name;
  const letters = [...name].filter((c) => /[A-Za-z]/.test(c)).map((c) => (/[A-Z]/.test(c) ? '1' : '0'));
  return `${name}__q${BigInt(`0b1${letters.join('')}`).toString(16)}`;
}
export const unmangle = (name) => (mark.test(name) ? name.replace(mark, '') : name.toUpperCase());
// What a name stands for, whichever way it is written.
export const meaning = (token) => (token.kind === 'name' ? token.value : token.text.toUpperCase());

export const is_word = (token, ...words) => token?.kind === 'word' && words.includes(token.text.toUpperCase());
export const is_sign = (token, sign) => token?.kind === 'sign' && token.text === sign;
export const is_name = (token) => token?.kind === 'name' || token?.kind === 'word';

// Names with dots between them that begin at a token: `{ parts, end }`, or nothing.
export function chain_at(list, at) {
  if (!is_name(list[at])) return undefined;
  const parts = [list[at]];
  let end = at + 1;
  while (is_sign(list[end], '.') && is_name(list[end + 1])) {
    parts.push(list[end + 1]);
    end += 2;
  }
  return { parts, end };
}

// Where what an opening bracket begins ends: the index of the closing one.
export function closing(list, open) {
  for (let i = open, depth = 0; i < list.length; ++i) {
    if (is_sign(list[i], '(')) depth += 1;
    if (is_sign(list[i], ')') && --depth === 0) return i;
  }
  throw syntax('a bracket without an end');
}

// The index of the first of some words that is not inside brackets or CASE, or -1.
export function outermost(list, from, ...words) {
  for (let i = from, depth = 0; i < list.length; ++i) {
    if (depth === 0 && is_word(list[i], ...words)) return i;
    if (is_sign(list[i], '(') || is_word(list[i], 'CASE')) depth += 1;
    if (is_sign(list[i], ')') || is_word(list[i], 'END')) depth -= 1;
  }
  return -1;
}
