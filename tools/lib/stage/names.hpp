// stage: the log of epochs in a store, as cdc-stage.5 lays it out. This file: names of objects, relative to the stage. Knows how
// a table's name becomes a path that no file system folds, splits or misreads; touches no file. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.hpp"

namespace stage {

/// What manifests call the file of logical messages, which are of no table. A table of this name is not staged.
inline constexpr std::string_view kMessages = "_cdc.messages";

/// One schema or table name as part of an object name: every byte outside [a-z0-9_-] is %XX (capital hex digits).
[[nodiscard]] std::string encode_name(std::string_view name);

/// in   table  as the stream has it: `public."Odd.Name"`
/// out  `public.%4Fdd%2E%4Eame`; above 200 bytes: its first 180 bytes, `~`, 16 digits of the table's SHA-256
/// err  data/bad_table when the text is no table name
[[nodiscard]] std::string encode_table(std::string_view table);

/// 16 hex digits without the slash: text order is log order.
[[nodiscard]] std::string encode_lsn(base::Lsn lsn);

/// `<source>/source.json`: identity of the cluster, created once.
[[nodiscard]] std::string source_object(std::string_view source);
/// `<source>/<era>/source.json`: the same of an era that was begun later.
[[nodiscard]] std::string source_object(std::string_view source, std::uint64_t era);
/// `<source>/<era>/`: what the `object` names of manifests are relative to.
[[nodiscard]] std::string era_folder(std::string_view source, std::uint64_t era);
/// `start.json`, below the era's folder: where this era's log begins, created once.
inline constexpr std::string_view kStartObject = "start.json";
/// `log/<from>.json`, below the era's folder.
[[nodiscard]] std::string log_object(base::Lsn from);
/// `data/<table>/<from>-<to>-<part>-<sha>.ndjson.zst`; table empty: the commits, `data/_commits/...`.
[[nodiscard]] std::string data_object(std::string_view table, base::Lsn from, base::Lsn to, std::uint64_t part,
                                      std::string_view sha256);
/// `lost/<object>.json`, below the era's folder: what is known of an object that is lost.
[[nodiscard]] std::string lost_object(std::string_view object);
/// `copy/<table>/<lsn>/<chunk>.json` and `copy/<table>/<lsn>/<chunk>-<part>-<sha>.ndjson.zst`.
[[nodiscard]] std::string chunk_object(std::string_view table, base::Lsn lsn, std::uint64_t chunk);
[[nodiscard]] std::string chunk_data_object(std::string_view table, base::Lsn lsn, std::uint64_t chunk,
                                            std::uint64_t part, std::string_view sha256);

}  // namespace stage
