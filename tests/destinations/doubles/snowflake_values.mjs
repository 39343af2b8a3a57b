// Values of DuckDB's as the SQL API's texts, for the double. Knows the API's formats of values and the parameters that change them.
// Must not know statements. src  Snowflake docs, SQL API, "Getting the data from the results"
import { unmangle } from './snowflake_text.mjs';

const iso = { date: 'YYYY-MM-DD', time: 'HH24:MI:SS.FF6', timestamp_ntz: 'YYYY-MM-DD HH24:MI:SS.FF6', timestamp_tz: 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM' };

function kind_of(type) {
  const text = type.toString();
  let m;
  if ((m = /^DECIMAL\((\d+),\s*(\d+)\)/.exec(text))) return { type: 'fixed', precision: Number(m[1]), scale: Number(m[2]) };
  if (/INT/.test(text)) return { type: 'fixed', precision: 38, scale: 0 };
  const word = { VARCHAR: 'text', BOOLEAN: 'boolean', DOUBLE: 'real', FLOAT: 'real', DATE: 'date', TIME: 'time', TIMESTAMP: 'timestamp_ntz', 'TIMESTAMP WITH TIME ZONE': 'timestamp_tz', BLOB: 'binary', JSON: 'variant' }[text];
  return { type: word ?? 'text' };
}

export const row_type = (reader) =>
  reader.columnNames().map((name, i) => ({ name: unmangle(name), nullable: true, ...kind_of(reader.columnTypes()[i]) }));

export function rows_of(reader, given) {
  const parameters = Object.fromEntries(Object.entries(given).map(([key, value]) => [key.toLowerCase(), value]));
  const kinds = reader.columnTypes().map((type) => kind_of(type).type);
  return reader.getRows().map((row) => row.map((value, i) => (value === null ? null : text_of(value, kinds[i], parameters))));
}

function text_of(value, kind, parameters) {
  // Texts when the parameters ask for them, else numbers since 1970 as the API has them by default.
  const as_text = iso[kind] && (parameters[`${kind}_output_format`] ?? (kind.startsWith('timestamp') && parameters.timestamp_output_format)) === iso[kind];
  switch (kind) {
    case 'date':
      return as_text ? value.toString() : String(value.days);
    case 'time':
      return as_text ? clock(value.micros) : seconds(value.micros);
    case 'timestamp_ntz':
      return as_text ? moment(value.micros) : seconds(value.micros);
    case 'timestamp_tz':
      return as_text ? `${moment(value.micros)}+00:00` : `${seconds(value.micros)} 1440`;
    case 'binary':
      return binary(value.bytes, parameters.binary_output_format ?? 'HEX');
    case 'real':
      return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value < 0 ? '-inf' : 'inf';
    default:
      return String(value);
  }
}

const binary = (bytes, format) =>
  format.toUpperCase() === 'BASE64' ? Buffer.from(bytes).toString('base64') : Buffer.from(bytes).toString('hex').toUpperCase();
const seconds = (micros) => `${micros < 0n ? '-' : ''}${abs(micros) / 1_000_000n}.${String(abs(micros) % 1_000_000n).padStart(6, '0')}000`;
const abs = (n) => (n < 0n ? -n : n);
const clock = (micros) => {
  const two = (n) => String(n).padStart(2, '0');
  const s = micros / 1_000_000n;
  return `${two(s / 3600n)}:${two((s / 60n) % 60n)}:${two(s % 60n)}.${String(micros % 1_000_000n).padStart(6, '0')}`;
};
const moment = (micros) => {
  const day = 86_400_000_000n;
  const in_day = ((micros % day) + day) % day;
  return `${new Date(Number((micros - in_day) / 1000n)).toISOString().slice(0, 10)} ${clock(in_day)}`;
};
