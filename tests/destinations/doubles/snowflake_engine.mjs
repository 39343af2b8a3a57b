// Runs statements for the double, on DuckDB: one Engine holds the databases, one Run is a request's session. Knows transactions as
// Snowflake has them (DDL commits, what is open at the end is rolled back), what statements answer, and its error codes. Must not know HTTP.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { check_syntax, duck_text, duplicates_of_merge, full_name, load_parser, take_comments, translate, unsupported } from './snowflake_dialect.mjs';
import { rows_of, row_type } from './snowflake_values.mjs';
import { fetch_files, parse_copy } from './snowflake_stage.mjs';
import { chain_at, is_word, mangle, meaning, quoted, statements } from './snowflake_text.mjs';

const failure = (code, sqlState, words) => Object.assign(new Error(words), { code, sqlState });

const macros = [
  "sf_text(v, p) AS v->>p",
  "sf_json(v, p) AS v->p",
  "sf_now() AS CAST(current_timestamp AS TIMESTAMPTZ)",
  "sf_to_number(v) AS CAST(v AS DECIMAL(38,0))",
  "sf_date(v) AS CASE WHEN v IS NULL THEN NULL WHEN regexp_full_match(CAST(v AS VARCHAR), '[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.+Z-]*)?') THEN CAST(v AS DATE) ELSE error('sf:100040:22007') END",
  ...['tz', 'ntz'].map(
    (kind) =>
      `sf_${kind}(v) AS CASE WHEN v IS NULL THEN NULL WHEN regexp_full_match(CAST(v AS VARCHAR), ` +
      `'[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?( ?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?)?') ` +
      `THEN CAST(v AS ${kind === 'tz' ? 'TIMESTAMPTZ' : 'TIMESTAMP'}) ELSE error('sf:100035:22007') END`,
  ),
  "to_binary(v, f) AS CASE upper(f) WHEN 'BASE64' THEN from_base64(v) WHEN 'UTF-8' THEN encode(v) WHEN 'HEX' THEN from_hex(v) END",
  "sf_array_contains(v, a) AS json_contains(a, v)",
  "base64_decode_binary(v) AS from_base64(v)",
  "hex_encode(v) AS hex(v)",
  "to_varchar(v) AS CAST(v AS VARCHAR)",
  "to_char(v) AS CAST(v AS VARCHAR)",
  "sf_name(n) AS CASE WHEN regexp_matches(n, '__q[0-9a-f]+$') THEN regexp_replace(n, '__q[0-9a-f]+$', '') ELSE upper(n) END",
];
const type_word =
  "CASE WHEN data_type LIKE 'DECIMAL%' OR data_type LIKE '%INT%' THEN 'NUMBER' WHEN data_type = 'VARCHAR' THEN 'TEXT' WHEN data_type = 'DOUBLE' " +
  "THEN 'FLOAT' WHEN data_type = 'TIMESTAMP WITH TIME ZONE' THEN 'TIMESTAMP_TZ' WHEN data_type = 'TIMESTAMP' THEN 'TIMESTAMP_NTZ' " +
  "WHEN data_type = 'BLOB' THEN 'BINARY' WHEN data_type = 'JSON' THEN 'VARIANT' ELSE data_type END";
const views = (database) => [
  `sf_tables AS SELECT sf_name(database_name) AS TABLE_CATALOG, sf_name(schema_name) AS TABLE_SCHEMA, sf_name(table_name) AS TABLE_NAME, 'BASE TABLE' AS TABLE_TYPE, "comment" AS COMMENT, 'NO' AS IS_TRANSIENT FROM duckdb_tables() WHERE database_name = '${database}'
   UNION ALL SELECT sf_name(database_name), sf_name(schema_name), sf_name(view_name), 'VIEW', "comment", 'NO' FROM duckdb_views() WHERE database_name = '${database}' AND NOT internal`,
  `sf_views AS SELECT sf_name(database_name) AS TABLE_CATALOG, sf_name(schema_name) AS TABLE_SCHEMA, sf_name(view_name) AS TABLE_NAME, sql AS VIEW_DEFINITION FROM duckdb_views() WHERE database_name = '${database}' AND NOT internal`,
  `sf_columns AS SELECT sf_name(database_name) AS TABLE_CATALOG, sf_name(schema_name) AS TABLE_SCHEMA, sf_name(table_name) AS TABLE_NAME, sf_name(column_name) AS COLUMN_NAME, column_index AS ORDINAL_POSITION, CASE WHEN is_nullable THEN 'YES' ELSE 'NO' END AS IS_NULLABLE, ${type_word} AS DATA_TYPE, CASE WHEN ${type_word} = 'NUMBER' THEN numeric_precision END AS NUMERIC_PRECISION, CASE WHEN ${type_word} = 'NUMBER' THEN numeric_scale END AS NUMERIC_SCALE, "comment" AS COMMENT FROM duckdb_columns() WHERE database_name = '${database}'`,
  `sf_schemata AS SELECT sf_name(database_name) AS CATALOG_NAME, sf_name(schema_name) AS SCHEMA_NAME FROM duckdb_schemas() WHERE database_name = '${database}' AND NOT internal`,
];

export class Engine {
  // in  { packages, folder, databases: names, warehouses: names, stages }
  static async open(options) {
    const engine = Object.assign(new Engine(), options, { loaded: new Set(), last: Promise.resolve() });
    await load_parser(options.packages);
    const { DuckDBInstance } = createRequire(`${options.packages}/`)('@duckdb/node-api');
    engine.instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '1GB', temp_directory: path.join(options.folder, 'spill') });
    const connection = await engine.instance.connect();
    for (const name of options.databases) {
      const file = path.join(options.folder, `${Buffer.from(name).toString('hex')}.duckdb`);
      await connection.run(`ATTACH '${file.replaceAll("'", "''")}' AS ${quoted(mangle(name))}`);
      await connection.run(`CREATE SCHEMA IF NOT EXISTS ${quoted(mangle(name))}."PUBLIC"`);
    }
    connection.closeSync();
    return engine;
  }

  // One request after the other changes tables; what it returns lets the next one.
  async acquire() {
    const before = this.last;
    let release;
    this.last = new Promise((done) => (release = done));
    await before;
    return release;
  }

  async session(about) {
    const run = Object.assign(new Run(), { engine: this, about, temporary: new Set(), copied: new Set(), scratch: fs.mkdtempSync(path.join(os.tmpdir(), 'double-')) });
    run.connection = await this.instance.connect();
    await run.connection.run("SET TimeZone = 'UTC'; SET default_null_order = 'NULLS_LAST_ON_ASC_FIRST_ON_DESC'");
    for (const macro of macros) await run.connection.run(`CREATE TEMP MACRO ${macro}`);
    run.database = about.database ?? this.databases[0];
    run.schema = about.schema ?? 'PUBLIC';
    if (!this.databases.includes(run.database)) {
      throw failure('390201', '08004', 'The requested database does not exist or not authorized.');
    }
    for (const view of views(mangle(run.database).replaceAll("'", "''"))) await run.connection.run(`CREATE TEMP VIEW ${view}`);
    try {
      await run.connection.run(`USE ${quoted(mangle(run.database))}.${quoted(mangle(run.schema))}`);
    } catch {
      // A schema that is made in this request or the next; its tables are named in full until then.
      await run.connection.run(`USE ${quoted(mangle(run.database))}."PUBLIC"`);
    }
    return run;
  }
}

const status_row = (words) => ({ types: [{ name: 'status', type: 'text', nullable: true }], rows: [[words]] });
const counted = (counts) => ({
  types: Object.keys(counts).map((what) => ({ name: `number of rows ${what}`, type: 'fixed', precision: 19, scale: 0, nullable: false })),
  rows: [Object.values(counts).map(String)],
  stats: { numRowsInserted: counts.inserted ?? 0, numRowsUpdated: counts.updated ?? 0, numRowsDeleted: counts.deleted ?? 0, numDuplicateRowsUpdated: 0 },
});

class Run {
  // in   list  tokens of a statement. out  { types, rows, stats }
  async statement(list) {
    try {
      return await this.dispatch(list);
    } catch (error) {
      throw error.code && error.sqlState !== undefined ? error : as_snowflake(error);
    } finally {
      if (!this.is_open) this.let_go();
    }
  }

  async dispatch(list) {
    const first = list[0];
    if (is_word(first, 'PUT', 'GET', 'LIST', 'REMOVE')) throw failure('391911', '0A000', 'Unsupported statement type.');
    check_syntax(list);
    if (is_word(first, 'BEGIN', 'START')) return this.begin();
    if (is_word(first, 'COMMIT')) return this.end('COMMIT');
    if (is_word(first, 'ROLLBACK')) return this.end('ROLLBACK');
    if (is_word(first, 'ALTER') && is_word(list[1], 'SESSION')) return status_row('Statement executed successfully.');
    if (is_word(first, 'CREATE', 'ALTER', 'DROP', 'COMMENT', 'TRUNCATE', 'UNDROP')) return this.define(list);
    if (is_word(first, 'SELECT', 'WITH')) return this.query(list);
    if (!is_word(first, 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'COPY')) throw unsupported(first.text.toUpperCase());
    const { warehouse } = this.about;
    if (warehouse !== undefined && !this.engine.warehouses.includes(warehouse)) {
      throw failure('000606', '57P03', 'No active warehouse selected in the current session.');
    }
    if (!this.temporary.has(target_of(list, this))) await this.writing();
    if (is_word(first, 'COPY')) return this.copy(list);
    const [sql] = translate(list, this);
    if (is_word(first, 'MERGE')) return this.merge(sql);
    const { rowsChanged } = await this.connection.run(sql);
    if (is_word(first, 'INSERT')) return counted({ inserted: rowsChanged });
    if (is_word(first, 'DELETE')) return counted({ deleted: rowsChanged });
    return counted({ updated: rowsChanged });
  }

  // READ COMMITTED: until a transaction changes something it sees what others commit, also between two of its statements. Then it holds
  // the lock to its end. DuckDB's own begins there, since it would keep seeing what was there at its begin.
  async writing() {
    if (this.release) return;
    this.release = await this.engine.acquire();
    if (this.is_open) await this.connection.run('BEGIN TRANSACTION');
    this.has_begun = this.is_open;
  }

  let_go() {
    this.release?.();
    this.release = undefined;
  }

  async begin() {
    this.is_open = true;
    return status_row('Statement executed successfully.');
  }

  async end(how) {
    if (this.has_begun) await this.connection.run(how);
    this.has_begun = this.is_open = false;
    this.let_go();
    if (how === 'COMMIT') this.keep_history();
    else this.copied.clear();
    return status_row('Statement executed successfully.');
  }

  // Each is a transaction of its own, and what was open is committed before it. src  Snowflake docs, Transactions, "DDL"
  async define(list) {
    if (this.is_open) await this.end('COMMIT');
    await this.writing();
    let at = list.findIndex((token) => is_word(token, 'TABLE', 'VIEW', 'SCHEMA', 'COLUMN'));
    if (at < 0 || at > 5) throw unsupported(list.slice(0, 3).map((token) => token.text.toUpperCase()).join(' '));
    const kind = list[at].text.toUpperCase();
    const is_temporary = list.slice(0, at).some((token) => is_word(token, 'TEMPORARY', 'TEMP'));
    at += 1;
    while (is_word(list[at], 'IF', 'NOT', 'EXISTS')) at += 1;
    const named = chain_at(list, at);
    const full = named && kind !== 'SCHEMA' ? full_name(named.parts.slice(0, 3), this) : '';
    if (is_word(list[0], 'COMMENT')) {
      const chain = named.parts.map((part) => quoted(mangle(meaning(part)))).join('.');
      if (!is_word(list[named.end], 'IS') || list[named.end + 1]?.kind !== 'string') throw unsupported('a COMMENT of this form');
      await this.connection.run(`COMMENT ON ${kind} ${chain} IS ${duck_text([list[named.end + 1]])}`);
      return status_row('Statement executed successfully.');
    }
    if (is_word(list[0], 'CREATE') && is_temporary) this.temporary.add(full);
    const { rest, comments } = kind === 'VIEW' && is_word(list[0], 'CREATE') ? take_comments(list, named.end) : { rest: list, comments: [] };
    const text = translate(rest, this);
    if (!is_word(list[0], 'ALTER') && !list.some((token) => is_word(token, 'EXISTS') && is_word(list[0], 'CREATE'))) this.forget(full);
    for (const sql of text) await this.connection.run(sql);
    const view = comments.length ? named.parts.map((part) => quoted(mangle(meaning(part)))).join('.') : '';
    for (const { column, text: said } of comments) {
      const what = column ? `COLUMN ${view}.${quoted(mangle(meaning(column)))}` : `VIEW ${view}`;
      await this.connection.run(`COMMENT ON ${what} IS ${duck_text([said])}`);
    }
    if (is_word(list[0], 'DROP')) this.temporary.delete(full);
    return status_row('Statement executed successfully.');
  }

  async query(list) {
    const [sql] = translate(list, this);
    const reader = await this.connection.runAndReadAll(sql);
    return { types: row_type(reader), rows: rows_of(reader, this.about.parameters ?? {}) };
  }

  async merge(sql) {
    const duplicates = duplicates_of_merge(sql);
    if (duplicates && (await this.connection.runAndReadAll(duplicates)).currentRowCount) {
      throw failure('100090', '42P18', 'Duplicate row detected during DML action');
    }
    const reader = await this.connection.runAndReadAll(`${sql} RETURNING merge_action`);
    const counts = { inserted: 0, updated: 0, deleted: 0 };
    for (const [action] of reader.getRows()) counts[{ INSERT: 'inserted', UPDATE: 'updated', DELETE: 'deleted' }[action]] += 1;
    return counted(counts);
  }

  async copy(list) {
    const copy = parse_copy(list);
    const all = await fetch_files(copy, this.engine.stages, this, this.scratch);
    const target = full_name(copy.target, this);
    const key = (file) => `${this.temporary.has(target) ? this.scratch : ''} ${target} ${file.identity}`;
    // A file that was loaded into this table is not loaded again. src  Snowflake docs, COPY INTO, "Load metadata"
    const files = all.filter((file) => copy.options.force || !(this.engine.loaded.has(key(file)) || this.copied.has(key(file))));
    if (!files.length) return { ...status_row('Copy executed with 0 files processed.'), stats: { numRowsInserted: 0 } };
    const source = files.map(
      (file) =>
        `SELECT json AS "$1", '${file.name.replaceAll("'", "''")}' AS "METADATA$FILENAME", row_number() OVER () AS "METADATA$FILE_ROW_NUMBER" ` +
        `FROM read_ndjson_objects('${file.path.replaceAll("'", "''")}'${copy.options.compression === 'ZSTD' ? ", compression = 'zstd'" : ''})`,
    );
    await this.connection.run(`CREATE OR REPLACE TEMP TABLE sf_staged AS ${source.join(' UNION ALL ')}`);
    const select = [...copy.select, ...from_staged, ...copy.alias];
    const [query] = translate(select, this);
    const into = copy.target.flatMap((part, i) => [...(i ? [dot] : []), part]);
    const [insert] = translate([...insert_into, ...into, ...copy.columns, ...select_null], this);
    const { rowsChanged } = await this.connection.run(insert.replace(/SELECT NULL$/, query));
    const counts = await this.connection.runAndReadAll('SELECT "METADATA$FILENAME", count(*) FROM sf_staged GROUP BY 1 ORDER BY 1');
    const rows = new Map(counts.getRows());
    await this.connection.run('DROP TABLE temp.main.sf_staged');
    for (const file of files) this.copied.add(key(file));
    if (!this.is_open) this.keep_history();
    return {
      types: ['file', 'status', 'rows_parsed', 'rows_loaded'].map((name) => ({ name, type: /^rows/.test(name) ? 'fixed' : 'text', nullable: true })),
      rows: files.map((file) => [file.name, 'LOADED', String(rows.get(file.name) ?? 0), String(rows.get(file.name) ?? 0)]),
      stats: { numRowsInserted: rowsChanged, numRowsUpdated: 0, numRowsDeleted: 0, numDuplicateRowsUpdated: 0 },
    };
  }

  keep_history() {
    for (const key of this.copied) this.engine.loaded.add(key);
    this.copied.clear();
  }

  // A table that is made anew has no history.
  forget(full) {
    for (const set of [this.engine.loaded, this.copied]) {
      for (const key of set) if (key.includes(` ${full} `)) set.delete(key);
    }
  }

  // What is open at the end is rolled back; temporary tables go.
  async close() {
    try {
      if (this.has_begun) await this.connection.run('ROLLBACK');
    } finally {
      this.let_go();
      this.connection.closeSync();
      fs.rmSync(this.scratch, { recursive: true, force: true });
    }
  }
}

// The table that a statement changes.
function target_of(list, session) {
  const at = is_word(list[0], 'UPDATE') ? 1 : list.findIndex((token, i) => i > 0 && is_word(token, 'INTO', 'FROM')) + 1;
  const chain = at > 0 ? chain_at(list, at) : undefined;
  return chain ? full_name(chain.parts.slice(0, 3), session) : '';
}

const dot = { kind: 'sign', text: '.', value: '.' };
const [from_staged] = statements('FROM "SF_STAGED"');
const [insert_into] = statements('INSERT INTO');
const [select_null] = statements('SELECT NULL');

const meanings = [
  [/Could not convert string .* to (DECIMAL|INT|BIGINT|HUGEINT)|to type DECIMAL\(.* to (DECIMAL|INT)/, '100038', '22018', 'Numeric value is not recognized'],
  [/Could not convert string .* to DOUBLE/, '100038', '22018', 'Numeric value is not recognized'],
  [/Could not convert string .* to BOOL/, '100037', '22018', 'Boolean value is not recognized'],
  [/out of range|Overflow|Could not cast value/i, '100039', '22003', 'Numeric value is out of range'],
  [/timestamp field|timestamp string|TIMESTAMP/, '100035', '22007', 'Timestamp is not recognized'],
  [/date field|date string/, '100040', '22007', 'Date is not recognized'],
  [/base64|hex/i, '100036', '22000', 'The value is no valid binary text'],
  [/NOT NULL constraint/, '100072', '22000', 'NULL result in a non-nullable column'],
  [/Malformed JSON|JSON.*(parse|transform)|ZSTD|zstd/i, '100069', '22P02', 'Error parsing JSON'],
  [/Function with name .* does not exist/, '002140', '42601', 'Unknown function'],
  [/Type with name .* does not exist/, '002040', '42601', 'Unsupported data type'],
  [/Table with name .* does not exist|View with name .* does not exist|Catalog Error: .*does not exist!/, '002003', '42S02', 'Object does not exist or not authorized.'],
  [/Schema with name .* does not exist|Catalog .* does not exist/, '002043', '02000', 'Object does not exist, or operation cannot be performed.'],
  [/already exists/, '002002', '42710', 'Object already exists.'],
  [/Binder Error.*(column|Column|Referenced)/, '000904', '42000', 'invalid identifier'],
  [/Parser Error|Binder Error/, '001003', '42000', 'syntax error'],
  [/INTERRUPT/i, '000604', '57014', 'SQL execution canceled'],
];

// The words of the engine go to the journal alone: Snowflake has others.
function as_snowflake(error) {
  const own = /sf:(\d{6}):(\w{5})/.exec(error.message);
  if (own) return Object.assign(failure(own[1], own[2], 'Value is not recognized'), { engine: error.message });
  const [, code, sqlState, words] = meanings.find(([pattern]) => pattern.test(error.message)) ?? [0, '000603', 'XX000', 'the double broke'];
  return Object.assign(failure(code, sqlState, words), { engine: error.message });
}
