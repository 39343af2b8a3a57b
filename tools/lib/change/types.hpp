// change: the change stream of cdc-stream.5 as types. This file: what a `source` and a `schema` line say, and the lines
// that a program writes. One place encodes each line, so that key order is the same everywhere. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "json/tokens.hpp"

namespace change {

inline constexpr std::uint64_t kFormat = 1;

/// The first line of every stream.
struct Source {
  std::string source;     ///< name of the pipeline's source
  std::string run;        ///< 32 hex digits, random, one per run of the program that made the stream
  std::string system_id;  ///< decimal digits
  std::uint32_t timeline = 0;
  std::uint64_t era = 0;
  std::uint32_t server_version = 0;
  std::string database;
  std::optional<std::string> slot;
  base::Lsn start;
};

/// One column as a `schema` line describes it. Empty optional = not known, never guessed.
struct Column {
  std::string name;
  std::string type;  ///< pg_type.typname of pg_catalog (`int8`, `_text`), else `schema.name`; domains resolved
  std::int32_t typmod = -1;
  std::optional<std::uint32_t> attnum;
  std::optional<std::string> bind;  ///< `relid.attnum` when proven
  /// When it is not: its attnum is not greater than this.
  std::optional<std::uint32_t> greatest_attnum;
  bool identity = false;  ///< part of the replica identity
  bool pk = false;
  std::optional<bool> nullable;
  std::string category;             ///< pg_type.typcategory of the base type, one letter
  std::optional<bool> has_default;  ///< key `default`: rows older than the column may hold something else than null
  /// Beside the schema's `file`: the transaction that last altered the column, where that is not the one that made the table.
  std::optional<std::uint32_t> xmin;
  std::string action;  ///< after masking only
  std::string klass;   ///< key `class`, after masking only
  bool operator==(const Column&) const = default;
};

/// A partition that holds rows of a table which is published by its root.
///
/// file      what its rows lie in: another one after TRUNCATE (and after whatever else writes them anew)
/// attached  it was a table of its own before: it may have brought rows that no change told of
struct Leaf {
  base::Oid relid;
  base::Oid file;
  bool attached = false;
  bool operator==(const Leaf&) const = default;
};

/// One table's shape from (`lsn`, `seq`) on.
struct Schema {
  std::string table;  ///< `schema.name`, each part quoted as PostgreSQL would
  base::Oid relid;
  std::optional<std::string> root;
  base::Lsn lsn;
  std::uint64_t seq = 0;  ///< the transaction's rows before it are of the shape before; `from_seq`, where it is not 0
  std::uint64_t version = 0;  ///< counts from 1 per table and run
  std::string identity;       ///< `default`, `index`, `full`, `nothing`
  std::vector<Column> columns;
  std::optional<std::vector<Leaf>> leaves;  ///< where the line says which partitions there are, sorted by relid
  std::optional<base::Oid> file;  ///< where the line says what the rows of a table that is no partitioned one lie in
};

/// in   value  the object of a source or schema line
/// err  data/missing_key, data/bad_format (another `format`), data/bad_lsn
[[nodiscard]] Source decode_source(const json::Value& value);
[[nodiscard]] Schema decode_schema(const json::Value& value);

// Each encode appends one whole line with its line break.
void encode(std::string& into, const Source& source);
void encode(std::string& into, const Schema& schema);

/// A `commit` line.
struct Commit {
  base::Lsn lsn;
  base::Lsn end;
  base::Time ts;
  base::Xid xid;
  std::uint64_t rows = 0;
  std::uint64_t read_rows = 0;
};
void encode(std::string& into, const Commit& commit);
void encode_heartbeat(std::string& into, base::Lsn end, base::Time ts);

/// A `snapshot` line.
///
/// lsn                the position that the chunk shows; copy: that of the first chunk of this copy of the table
/// by                 what the ranges are cut by: a text that is another one when it is another key; empty for a whole table
/// from_key, to_key   JSON texts: arrays of the key's values as PostgreSQL writes them, all strings; empty for open
/// keys               the chunk is no range: so many keys were read again
/// high               at the end only
struct Chunk {
  enum class State : std::uint8_t { begin, go_on, end };
  State state = State::begin;
  std::string table;
  base::Lsn lsn;
  base::Lsn copy;
  std::uint64_t chunk = 0;
  std::string by;
  std::string from_key;
  std::string to_key;
  std::optional<std::uint64_t> keys;
  std::uint64_t rows = 0;
  base::Lsn high;
};
void encode(std::string& into, const Chunk& chunk);

/// in   schema, name  as the catalog has them
/// out  `public.users`, `public."Odd.Name"`: each part quoted unless it is lower-case letters, digits, _ (not first a
///      digit) and no reserved key word
/// src  PostgreSQL, quote_identifier()
[[nodiscard]] std::string quote_table(std::string_view schema, std::string_view name);
[[nodiscard]] std::string quote_identifier(std::string_view name);

/// The opposite: nothing when the text is not two parts, each plain or properly quoted.
struct TableName {
  std::string schema;
  std::string name;
};
[[nodiscard]] std::optional<TableName> parse_table(std::string_view table);

}  // namespace change
