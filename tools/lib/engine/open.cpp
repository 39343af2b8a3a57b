// engine: the choice. A file that is missing is a warehouse that nobody has made yet; a server says so by its schema.
#include "engine/open.hpp"

#include <unistd.h>

#include "base/failure.hpp"
#include "engine/duckdb.hpp"
#include "engine/postgresql.hpp"
#include "engine/sqlite.hpp"

namespace engine {
namespace {

using base::Exit;
using base::Failure;

[[noreturn]] void unknown(const std::string& words) { throw Failure(Exit::usage, "unknown_warehouse", words); }

std::string file_of(std::string_view rest, const char* scheme) {
  std::string file(rest);
  if (file.starts_with("///")) file.erase(0, 2);
  if (file.empty()) unknown(std::string("--warehouse ") + scheme + " needs a file");
  return file;
}

// Who only wants to see needs no user and no key.
Variable with_stand_ins(const Variable& variable) {
  return [variable](const char* name) -> std::optional<std::string> {
    const std::string_view wanted(name);
    if (auto value = variable(name)) return value;
    if (wanted == "SNOWFLAKE_USER") return "nobody";
    if (wanted == "SNOWFLAKE_PRIVATE_KEY_PATH") return "/dev/null";
    return std::nullopt;
  };
}

}  // namespace

Address parse_address(std::string_view warehouse) {
  const std::string_view scheme = warehouse.substr(0, warehouse.find(':'));
  const std::string_view rest = warehouse.substr(std::min(scheme.size() + 1, warehouse.size()));
  if (scheme == "sqlite" && scheme.size() < warehouse.size()) return {Kind::sqlite, file_of(rest, "sqlite:")};
  if (scheme == "duckdb" && scheme.size() < warehouse.size()) return {Kind::duckdb, file_of(rest, "duckdb:")};
  if ((scheme == "postgresql" || scheme == "postgres") && scheme.size() < warehouse.size()) {
    return {Kind::postgresql, rest.starts_with("//") ? std::string(warehouse) : std::string(rest)};
  }
  if (scheme == "snowflake" && scheme.size() < warehouse.size()) return {Kind::snowflake, std::string(warehouse)};
  unknown("--warehouse is none of sqlite:FILE, duckdb:FILE, postgresql://..., snowflake://...");
}

Place place_of(const Address& address, const std::string& source, const Variable& variable) {
  if (address.kind == Kind::sqlite) return {"", "main"};
  if (address.kind != Kind::snowflake) return {"", source};
  const ::snowflake::Account account = ::snowflake::parse_account(address.place, with_stand_ins(variable));
  return {account.database, account.schema};
}

std::unique_ptr<Database> open(const Address& address, const std::string& source, int busy_ms, bool create,
                               const Variable& variable, const Landing& landing) {
  const bool is_file = address.kind == Kind::sqlite || address.kind == Kind::duckdb;
  if (is_file && !create && ::access(address.place.c_str(), F_OK) != 0) return nullptr;
  switch (address.kind) {
    case Kind::duckdb: {
      auto database = std::make_unique<Duckdb>(address.place, source, variable("PGCDC_DUCKDB_LIBRARY").value_or(""),
                                               busy_ms, create);
      return database->exists() ? std::move(database) : nullptr;
    }
    case Kind::postgresql: {
      auto database = std::make_unique<Postgresql>(address.place, source, create);
      return database->exists() ? std::move(database) : nullptr;
    }
    case Kind::snowflake: {
      auto database = std::make_unique<Snowflake>(::snowflake::parse_account(address.place, variable), landing, create);
      return database->exists() ? std::move(database) : nullptr;
    }
    default:
      return std::make_unique<Sqlite>(address.place, busy_ms);
  }
}

std::unique_ptr<Database> open_printed(const Address& address, const std::string& source, const Variable& variable,
                                       Landing landing, Sink sink) {
  if (address.kind != Kind::snowflake) return std::make_unique<Printing>(address.kind, source, std::move(sink));
  landing.place = [](const std::string&, const std::string&) {};
  return std::make_unique<Snowflake>(::snowflake::parse_account(address.place, with_stand_ins(variable)),
                                     std::make_unique<PrintedAccount>(std::move(sink)), std::move(landing), true);
}

}  // namespace engine
