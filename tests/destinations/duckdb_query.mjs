// Asks a DuckDB file, for tests: node duckdb_query.mjs [--schema NAME] [--write] FILE STATEMENT...
// The file is opened (read-only, unless --write), the statements run one after the other, and it is closed: nobody else may have it open
// meanwhile. While somebody has, it is tried again for ten seconds, as `.timeout 10000` of the sqlite3 shell does.
// Prints one line a row as tests/e2e/engines.bash says it. Knows: DuckDB's types. Must not know: tables of a warehouse.
// Environment: DUCKDB_MODULES, the folder of npm packages that scripts/install-destinations prints. Exit: 0; 1 a statement failed; 64 usage.
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.DUCKDB_MODULES}/`);
const { DuckDBInstance } = require('@duckdb/node-api');

const args = process.argv.slice(2);
let schema;
let write = false;
for (; args[0]?.startsWith('--'); args.shift()) {
  if (args[0] === '--schema') {
    args.shift();
    schema = args[0];
  } else if (args[0] === '--write') {
    write = true;
  } else {
    console.error(`duckdb_query: unknown option ${args[0]}`);
    process.exit(64);
  }
}
const [file, ...statements] = args;
if (!file || statements.length === 0) {
  console.error('duckdb_query: no file or no statement');
  process.exit(64);
}

async function open() {
  const end = Date.now() + 10000;
  for (;;) {
    try {
      return await DuckDBInstance.create(file, write ? {} : { access_mode: 'READ_ONLY' });
    } catch (error) {
      if (!/lock/i.test(error.message) || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

// The expression that gives column `c` of a type as text.
function text(c, type) {
  const iso = (format) => `CASE WHEN isfinite(${c}) THEN strftime(${c}, '${format}') ELSE ${c}::VARCHAR END`;
  if (type === 'BOOLEAN') return `${c}::INTEGER::VARCHAR`;
  if (type === 'DOUBLE' || type === 'FLOAT') {
    return `CASE WHEN isnan(${c}) THEN 'NaN' WHEN isinf(${c}) THEN CASE WHEN ${c}>0 THEN 'Infinity' ELSE '-Infinity' END ELSE ${c}::VARCHAR END`;
  }
  if (type === 'BLOB') return `hex(${c})`;
  if (type === 'TIMESTAMP WITH TIME ZONE') return iso('%Y-%m-%dT%H:%M:%S.%fZ');
  if (type === 'TIMESTAMP') return iso('%Y-%m-%dT%H:%M:%S.%f');
  if (type === 'TIME') return `strftime(DATE '2000-01-01' + ${c}, '%H:%M:%S.%f')`;
  return `${c}::VARCHAR`;
}

let instance;
try {
  instance = await open();
  const session = await instance.connect();
  await session.run("SET TimeZone='UTC'");
  if (schema) await session.run(`SET search_path='${schema.replaceAll("'", "''")},main'`);
  for (const statement of statements) {
    if (write || !/^(SELECT|WITH)\b/i.test(statement)) {
      await session.run(statement);
      continue;
    }
    const columns = (await session.runAndReadAll(`DESCRIBE ${statement}`)).getRowObjects();
    const list = columns.map((_, n) => `c${n + 1}`);
    const query = `SELECT ${columns.map((column, n) => text(list[n], column.column_type)).join(', ')} FROM (${statement}) AS q(${list.join(', ')})`;
    const rows = (await session.runAndReadAll(query)).getRows();
    process.stdout.write(rows.map((row) => `${row.map((value) => (value === null ? 'NULL' : value)).join('|')}\n`).join(''));
  }
  session.closeSync();
} catch (error) {
  console.error(`duckdb_query: ${error.message}`);
  process.exitCode = 1;
} finally {
  instance?.closeSync();
}
