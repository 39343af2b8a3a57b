// engine: from what `--warehouse` says to a database. This file: the choice between the engines.
// Knows the schemes of addresses and which variables of the environment an engine needs.
// Must not know what a warehouse consists of, nor open anything that the address does not name.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/database.hpp"
#include "engine/printing.hpp"
#include "engine/snowflake.hpp"

namespace engine {

/// What `--warehouse` names. place  file, connection string, or the whole address of an account
struct Address {
  Kind kind = Kind::sqlite;
  std::string place;
};

/// in   warehouse  `sqlite:FILE`, `duckdb:FILE`, `postgresql://...` or `postgresql:KEYWORD=VALUE ...`,
///                 `snowflake://ACCOUNT/DATABASE/SCHEMA?...`
/// err  usage/unknown_warehouse
[[nodiscard]] Address parse_address(std::string_view warehouse);

using Variable = std::function<std::optional<std::string>(const char* name)>;

/// Where analysts find the views. database  empty: the connection's
struct Place {
  std::string database;
  std::string schema;
};
/// err  as snowflake::parse_account
[[nodiscard]] Place place_of(const Address& address, const std::string& source, const Variable& variable);

/// in   source   names the schema, where an engine has such
///      busy_ms  how long another writer is waited for
///      create   make what is missing
///      variable the value of an environment variable; nothing when it is not set
///      landing  where rows in bulk are put, for an engine that reads them from a stage
/// out  nullptr when there is no such warehouse yet and `create` is not said
/// err  those of the engines
[[nodiscard]] std::unique_ptr<Database> open(const Address& address, const std::string& source, int busy_ms,
                                             bool create, const Variable& variable, const Landing& landing);

/// A warehouse that is empty and nowhere: what the engine would be told goes to `sink`. Needs no server and no secret.
/// in   landing  its spool; nothing is placed
[[nodiscard]] std::unique_ptr<Database> open_printed(const Address& address, const std::string& source,
                                                     const Variable& variable, Landing landing, Sink sink);

}  // namespace engine
