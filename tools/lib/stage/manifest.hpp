// stage: manifests as types: what an epoch or a copied chunk consists of. One encoding serves both the lines from cdc-batch to
// cdc-stage-put (`op` first, files named by `path`) and the objects of the log (no `op`, files named by `object`). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "change/types.hpp"
#include "json/tokens.hpp"

namespace stage {

/// One compressed file of whole lines.
///
/// table             as the stream has it; empty for the file of commits
/// part              from 0 within table and epoch (or chunk)
/// rows              lines in it
/// raw_bytes, bytes  before and after compression
/// sha256            of the compressed bytes, 64 hex digits
/// min_key, max_key  bounds of the one-column key of all lines, as JSON text; empty: not known (key `null`)
/// path              spool file, between cdc-batch and cdc-stage-put; else empty
/// object            name below <source>/<era>/, in the stage; else empty
struct FileEntry {
  std::string table;
  std::uint64_t part = 0;
  std::uint64_t rows = 0;
  std::uint64_t raw_bytes = 0;
  std::uint64_t bytes = 0;
  std::string sha256;
  std::string min_key;
  std::string max_key;
  std::string path;
  std::string object;
  bool operator==(const FileEntry&) const = default;
};

/// What a commit is told by when two writers' epochs overlap.
struct CommitMark {
  base::Lsn lsn;
  std::uint64_t xid = 0;
  std::string ts;  ///< as it stands in the stream
  bool operator==(const CommitMark&) const = default;
};

/// What epochs and chunks say alike.
///
/// policy   SHA-256 of the policy that made the lines, empty when no cdc-mask was in the pipe (key `null`)
/// key_ids  JSON array text
/// schemas  `schema` lines as they came, in stream order: of every table with rows here, or newly described here
struct Common {
  std::string source;
  std::string run;
  std::string system_id;
  std::uint64_t timeline = 0;
  std::uint64_t era = 0;
  std::string policy;
  std::string key_ids = "[]";
  std::vector<std::string> schemas;
  std::uint64_t rows = 0;
  std::vector<FileEntry> files;
  bool operator==(const Common&) const = default;
};

/// All transactions with from <= commit LSN < to.
///
/// commit             the last one; nothing when the epoch is time without changes
/// first_ts, last_ts  time of the first and last commit or heartbeat; the epoch is complete up to last_ts; empty when unknown
/// commits            the file of `commit` lines; nothing when there is no commit
/// prev               SHA-256 of the bytes of the manifest before it; empty for the first one (key `null`) and in the spool
/// pruned             house-keeping has emptied it: only from, to and stub_sha256 (of the bytes it had) are set
/// lost               the range is known to be missing, because somebody has mended the log: only from, to and stub_sha256 (of the
///                    bytes of the manifest that stood there, empty when nobody knows) are set
struct Epoch : Common {
  base::Lsn from;
  base::Lsn to;
  std::optional<CommitMark> commit;
  std::string first_ts;
  std::string last_ts;
  std::uint64_t transactions = 0;
  std::optional<FileEntry> commits;
  std::string prev;
  bool pruned = false;
  bool lost = false;
  std::string stub_sha256;
  bool operator==(const Epoch&) const = default;
};

/// A range of one table's keys, copied at `lsn`.
///
/// copy              position of the first chunk of this copy of the table; manifests that do not say it: lsn
/// by                what the ranges are cut by, empty when nothing was said
/// from_key, to_key  JSON array text, empty = open (key `null`)
/// keys              no range: so many keys were read again; it says nothing of the others
/// high              WAL position after the snapshot was taken
/// ts                time of the copy, empty when it has no rows (key `null`)
/// pruned            house-keeping has removed its files: there are none, and rows says how many lines they held
struct Chunk : Common {
  std::string table;
  base::Lsn lsn;
  base::Lsn copy;
  std::uint64_t chunk = 0;
  std::string by;
  std::string from_key;
  std::string to_key;
  std::optional<std::uint64_t> keys;
  base::Lsn high;
  std::string ts;
  bool pruned = false;
  bool operator==(const Chunk&) const = default;
};

/// Where a manifest goes: a line to cdc-stage-put, or an object of the stage.
enum class Form : std::uint8_t { line, stored };

/// The manifest's text without line break.
[[nodiscard]] std::string encode(const Epoch& epoch, Form form);
[[nodiscard]] std::string encode(const Chunk& chunk, Form form);

/// What stands in the place of a range that is lost. in  sha256  of the manifest that stood there, empty when nobody knows
[[nodiscard]] std::string encode_lost(base::Lsn from, base::Lsn to, std::string_view sha256);

/// in   value  a manifest of either form (`op`, when there, has been looked at by the caller)
/// err  data/missing_key, data/bad_lsn, data/bad_format (another format), data/bad_manifest (ranges, digests or sums that cannot be)
[[nodiscard]] Epoch decode_epoch(const json::Value& value);
[[nodiscard]] Chunk decode_chunk(const json::Value& value);

/// The same from text (a stored object).
[[nodiscard]] Epoch decode_epoch(std::string_view text);
[[nodiscard]] Chunk decode_chunk(std::string_view text);

/// The content of source.json: who may write here.
struct Identity {
  std::string source;
  std::string system_id;
  std::uint64_t timeline = 0;  ///< this and what follows: of the first writer
  std::uint64_t era = 0;
  std::uint64_t server_version = 0;
  std::string database;
  bool operator==(const Identity&) const = default;
};
[[nodiscard]] std::string encode(const Identity& identity);
[[nodiscard]] Identity decode_identity(std::string_view text);

/// Table of a schema line, without decoding its columns. err  data/missing_key
[[nodiscard]] std::string table_of_schema(std::string_view schema_line);

}  // namespace stage
