// engine: trying out. In an engine whose definitions are part of a transaction everything is tried in one that is rolled back; in Snowflake,
// where they are not, under names that nobody else has, and dropped.
#include "engine/probe.hpp"

#include <unistd.h>

#include <array>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "engine/duckdb.hpp"
#include "engine/postgresql.hpp"
#include "engine/sqlite.hpp"
#include "snowflake/session.hpp"
#include "snowflake/text.hpp"

namespace engine {
namespace {

using base::Exit;
using base::Failure;

std::string first_text(Database& database, const std::string& sql) {
  Statement query = database.prepare(sql);
  return query.step() ? query.text_at(0) : "";
}

// in   schema  a statement that makes it; empty: it is there, or the engine has none
void try_statements(std::vector<Verdict>& verdicts, Database& database, const std::string& schema) {
  const bool begun = try_out(verdicts, "schema", [&] {
    database.run("BEGIN");
    if (!schema.empty()) database.run(schema);
    return std::string(schema.empty() ? "is there" : "is not there yet, can be made");
  });
  const bool made = begun && try_out(verdicts, "tables", [&] {
                      database.run("CREATE TABLE _cdc_check(id bigint PRIMARY KEY, note text)");
                      database.run("CREATE VIEW _cdc_check_view AS SELECT id FROM _cdc_check");
                      return std::string("tables and views can be made");
                    });
  if (made) {
    try_out(verdicts, "merge", [&] {
      database.run("CREATE TEMPORARY TABLE _cdc_check_rows(id bigint, note text)");
      database.run("INSERT INTO _cdc_check_rows VALUES(1,'x')");
      database.run(database.kind() == Kind::sqlite
                       ? "INSERT INTO _cdc_check SELECT id,note FROM _cdc_check_rows WHERE true ON CONFLICT(id) DO "
                         "UPDATE SET note=excluded.note"
                       : "MERGE INTO _cdc_check AS t USING _cdc_check_rows AS s ON t.id=s.id WHEN MATCHED THEN UPDATE "
                         "SET note=s.note WHEN NOT MATCHED THEN INSERT(id,note) VALUES(s.id,s.note)");
      return std::string("rows can be brought through a scratch table and merged");
    });
  }
  database.rollback();
}

// A file that is not there yet: what can be said without making it.
void try_folder(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : file.substr(0, slash);
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    throw Failure(Exit::denied, "permission", "no file can be made in " + folder);
  }
}

void probe_sqlite(std::vector<Verdict>& verdicts, const std::string& file, int busy_ms) {
  std::unique_ptr<Sqlite> database;
  const bool there = ::access(file.c_str(), F_OK) == 0;
  const bool open = try_out(verdicts, "warehouse", [&] {
    if (!there) try_folder(file);
    database = std::make_unique<Sqlite>(there ? file : ":memory:", busy_ms);
    return "SQLite " + first_text(*database, "SELECT sqlite_version()") + (there ? "" : "; the file can be made");
  });
  if (open) try_statements(verdicts, *database, "");
}

void probe_duckdb(std::vector<Verdict>& verdicts, const std::string& file, const std::string& source, int busy_ms,
                  const std::string& library) {
  std::unique_ptr<Duckdb> database;
  const bool there = ::access(file.c_str(), F_OK) == 0;
  const bool open = try_out(verdicts, "warehouse", [&] {
    if (!there) try_folder(file);
    database = std::make_unique<Duckdb>(there ? file : ":memory:", source, library, busy_ms, false);
    return "DuckDB " + first_text(*database, "SELECT version()") + (there ? "" : "; the file can be made");
  });
  if (open) try_statements(verdicts, *database, database->exists() ? "" : "CREATE SCHEMA " + quote_name(source));
}

void probe_postgresql(std::vector<Verdict>& verdicts, const std::string& dsn, const std::string& source) {
  std::unique_ptr<Postgresql> database;
  const bool open = try_out(verdicts, "warehouse", [&] {
    database = std::make_unique<Postgresql>(dsn, source, false);
    return "PostgreSQL " + first_text(*database, "SELECT current_setting('server_version')");
  });
  if (open) try_statements(verdicts, *database, database->exists() ? "" : Postgresql::create_schema(source));
}

void probe_snowflake(std::vector<Verdict>& verdicts, const ::snowflake::Account& account, const std::string& staged) {
  std::unique_ptr<::snowflake::Session> session;
  const bool open = try_out(verdicts, "warehouse", [&] {
    session = std::make_unique<::snowflake::Session>(account);
    session->run("SELECT 1");
    return "account " + account.account + ", user " + account.user;
  });
  const bool schema =
      open && try_out(verdicts, "schema", [&] {
        const std::string is = ::snowflake::literal(account.schema);
        if (session->run("SELECT 1 FROM INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME=" + is).rows.empty()) {
          throw Failure(Exit::usage, "no_schema", "there is no schema " + account.schema + ", or it may not be used");
        }
        return std::string("is there");
      });
  if (!schema) return;
  std::array<unsigned char, 8> random{};
  crypto::random_bytes(random);
  const std::string own = "_cdc_check_" + base::hex({reinterpret_cast<const char*>(random.data()), random.size()});
  const std::string table = ::snowflake::name(own);
  const std::string view = ::snowflake::name(own + "_view");
  const bool made = try_out(verdicts, "tables", [&] {
    session->run("CREATE TABLE " + table + "(\"id\" NUMBER(19,0),\"note\" VARCHAR)");
    session->run("CREATE VIEW " + view + " AS SELECT \"id\" FROM " + table);
    return std::string("tables and views can be made");
  });
  if (made) {
    try_out(verdicts, "merge", [&] {
      const std::string rows = ::snowflake::name(own + "_rows");
      session->run_all({"CREATE TEMPORARY TABLE " + rows + "(\"id\" NUMBER(19,0),\"note\" VARCHAR)",
                        "INSERT INTO " + rows + " SELECT 1,'x'", "BEGIN TRANSACTION",
                        "MERGE INTO " + table + " AS t USING " + rows +
                            " AS s ON t.\"id\"=s.\"id\" WHEN MATCHED THEN UPDATE SET \"note\"=s.\"note\" WHEN NOT "
                            "MATCHED THEN INSERT(\"id\",\"note\") VALUES(s.\"id\",s.\"note\")",
                        "COMMIT"});
      return std::string("rows can be merged");
    });
  }
  for (const std::string& drop : {"DROP VIEW IF EXISTS " + view, "DROP TABLE IF EXISTS " + table}) {
    try {
      session->run(drop);
    } catch (const Failure& failure) {
      verdicts.push_back({false, "tables", "could not drop " + own + ": " + failure.message});
    }
  }
  try_out(verdicts, "stage", [&] {
    if (account.stage.size() != 3) {
      throw Failure(Exit::usage, "no_snowflake_stage", "the address names no external stage");
    }
    if (staged.empty()) return std::string("the external stage could not be tried: nothing is in it yet");
    std::string place;
    for (const std::string& part : account.stage) place += (place.empty() ? "@" : ".") + ::snowflake::name(part);
    const std::string rows = ::snowflake::name(own + "_rows");
    session->run_all({"CREATE TEMPORARY TABLE " + rows + "(\"source\" VARCHAR)",
                      "COPY INTO " + rows + " FROM (SELECT $1:\"source\"::VARCHAR FROM " + place + ") FILES=(" +
                          ::snowflake::literal(staged) + ") FILE_FORMAT=(TYPE=JSON) ON_ERROR=ABORT_STATEMENT"});
    return std::string("the external stage can be read, and is this one");
  });
}

}  // namespace

bool try_out(std::vector<Verdict>& verdicts, const std::string& what, const std::function<std::string()>& attempt) {
  try {
    verdicts.push_back({true, what, attempt()});
  } catch (const Failure& failure) {
    verdicts.push_back({false, what, failure.slug + ": " + failure.message});
  }
  return verdicts.back().good;
}

void probe(std::vector<Verdict>& verdicts, const Address& address, const std::string& source, int busy_ms,
           const Variable& variable, const std::string& staged) {
  switch (address.kind) {
    case Kind::sqlite:
      return probe_sqlite(verdicts, address.place, busy_ms);
    case Kind::duckdb:
      return probe_duckdb(verdicts, address.place, source, busy_ms, variable("PGCDC_DUCKDB_LIBRARY").value_or(""));
    case Kind::postgresql:
      return probe_postgresql(verdicts, address.place, source);
    case Kind::snowflake:
      return probe_snowflake(verdicts, ::snowflake::parse_account(address.place, variable), staged);
  }
}

}  // namespace engine
