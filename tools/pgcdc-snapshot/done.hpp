// pgcdc-snapshot: what earlier runs have copied, as `cdc-stage-get --chunks` tells it, and what of a table is left. Knows the closing
// lines of chunks and how ranges follow each other; not the server. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "change/types.hpp"
#include "pgcdc-snapshot/range.hpp"

namespace snapshot {

/// The newest copy of one table.
///
/// copy    its name: the position of its first chunk
/// by      what it was cut by
/// next    a number that no chunk of it has
/// masked  the ends of its chunks are not the source's values
/// whole   its chunks cover the table
struct Copied {
  base::Lsn copy;
  std::string by;
  std::uint64_t next = 0;
  bool masked = false;
  bool whole = false;
  std::vector<Range> ranges;
};

/// What a stage has, by table as change::quote_table writes it. `system_id` is empty when the stage is.
struct Done {
  std::string system_id;
  std::string source;
  std::map<std::string, Copied, std::less<>> tables;
};

/// in   text  lines of `cdc-stage-get --chunks`, or the closing snapshot lines of any copy
/// err  data/bad_done: a line that is neither `source` nor `snapshot`; data/invalid_json, data/missing_key
[[nodiscard]] Done parse_done(std::string_view text);

/// Orders bounds: equal ones have equal ranks.
using Rank = std::function<std::vector<std::uint64_t>(std::span<const Bound>)>;

/// The ranges that, with those copied, make a chain from the open beginning to the open end, each beginning with the very text
/// at which another ends: that is how a reader of the stage, who cannot compare keys, sees that nothing is missing.
[[nodiscard]] std::vector<Range> left_of(const Copied& copied, const Rank& rank);

/// A row whose values somebody misses, as `cdc-load --print unknown` tells it.
///
/// names  of the key's columns, values: of the row; both empty: the table is to be copied as a whole
/// since  a copy that began there or later will do; nothing: none that there is
struct WantedKeys {
  std::vector<std::string> names;
  std::vector<Bound> values;
  bool whole = false;
  std::optional<base::Lsn> since;
};
/// By table.
///
/// in   text  lines `{"table":..., "key":{NAME:TEXT, ...}}`, or `"key":null`, perhaps with `"since":LSN`. err  data/bad_unknown, data/invalid_json
using Wishes = std::map<std::string, WantedKeys, std::less<>>;
[[nodiscard]] Wishes parse_keys(std::string_view text);

}  // namespace snapshot
