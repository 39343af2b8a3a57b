// warehouse: the common place of several sources' views. A source that is dropped is noticed by the next loader of another one.
#include "warehouse/unite.hpp"

#include <algorithm>

#include "base/failure.hpp"
#include "logging/event.hpp"

namespace warehouse {
namespace {

using base::Exit;
using base::Failure;
using engine::Statement;

// Rounds of a view that is made while others change what it is made of.
constexpr int kMostRounds = 100;

bool same(const std::vector<Member>& one, const std::vector<Member>& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(), [](const Member& a, const Member& b) {
    return a.source == b.source && a.schema == b.schema && a.shared == b.shared && a.shape == b.shape;
  });
}

// Whether a shape is one that has a view.
bool is_shown(const Shape& shape) { return !shape.key.empty(); }

}  // namespace

Unite::Unite(engine::Database& database, UniteOptions options)
    : database_(database), dialect_(dialect_of(database.kind())), options_(std::move(options)) {
  make_place();
}

std::string Unite::in_place(std::string_view name) const {
  return dialect_.quote(options_.place) + "." + dialect_.quote(name);
}

std::set<std::string> Unite::texts(const std::string& sql) {
  std::set<std::string> all;
  Statement query = database_.prepare(sql);
  while (query.step()) all.insert(query.text_at(0));
  return all;
}

void Unite::make_place() {
  const std::string listed =
      "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA=" + engine::quote_text(options_.place) +
      " AND TABLE_NAME IN (";
  if (!texts(listed + "'_cdc_format')").empty()) {
    throw Failure(Exit::refused, "not_a_warehouse", "--unite names the schema of a source, where its own tables are");
  }
  if (!texts(listed + "'_cdc_views')").empty()) return;
  engine::Transaction transaction(database_);
  lock();
  // In Snowflake a schema is made by whoever grants rights in it, as the sources' are.
  if (!database_.deferred()) database_.run("CREATE SCHEMA IF NOT EXISTS " + dialect_.quote(options_.place));
  const std::string text = " " + dialect_.text_type();
  database_.define("CREATE TABLE IF NOT EXISTS " + in_place("_cdc_united") + "(source" + text + " NOT NULL,\"schema\"" +
                   text + " NOT NULL,\"table\"" + text + " NOT NULL,name" + text + " NOT NULL,\"view\"" + text +
                   " NOT NULL,ids" + text + " NOT NULL,\"columns\"" + text + " NOT NULL)");
  database_.define("CREATE TABLE IF NOT EXISTS " + in_place("_cdc_views") + "(\"table\"" + text + " NOT NULL,\"view\"" +
                   text + " NOT NULL,sources " + dialect_.integer_type() + " NOT NULL,refused" + text + ")");
  transaction.commit();
}

// Who changes what others' views are made of, or a view, waits for whoever does so too. DuckDB has one process at a time.
void Unite::lock() {
  if (database_.kind() != engine::Kind::postgresql) return;
  database_.run("SELECT pg_advisory_xact_lock(hashtext('pgcdc unite'), hashtext(" + engine::quote_text(options_.place) +
                "))");
}

void Unite::let_go(const Shape& shape) {
  if (!is_shown(shape) || database_.deferred()) return;
  lock();
  drop_view_of(shape.table);
}

void Unite::take(const Shape& shape) {
  if (!is_shown(shape)) return;
  if (database_.deferred()) {
    waiting_.insert(shape.table);
    return;
  }
  lock();
  register_shape(shape);
  make_view(shape.table, members_of(shape.table));
}

void Unite::register_shape(const Shape& shape) {
  Statement remove =
      database_.prepare("DELETE FROM " + in_place("_cdc_united") + " WHERE source=?1 AND \"table\"=?2", shape.table);
  remove.text(1, options_.source).text(2, shape.table).run();
  Statement insert =
      database_.prepare("INSERT INTO " + in_place("_cdc_united") + " VALUES(?1,?2,?3,?4,?5,?6,?7)", shape.table);
  insert.text(1, options_.source).text(2, options_.schema).text(3, shape.table).text(4, shape.name);
  insert.text(5, shape.view).text(6, options_.shared ? "shared" : "own").copied_text(7, encode_columns(shape));
  insert.run();
}

// Those of whom the table is there: a source that somebody dropped must not keep the others from loading.
std::vector<Member> Unite::members_of(std::string_view table) {
  std::vector<Member> members;
  std::set<std::string> names;
  Statement query = database_.prepare("SELECT source,\"schema\",name,\"view\",ids,\"columns\" FROM " +
                                          in_place("_cdc_united") + " WHERE \"table\"=?1 ORDER BY source",
                                      table);
  query.text(1, table);
  while (query.step()) {
    Member member;
    member.source = query.text_at(0);
    member.schema = query.text_at(1);
    member.shape.table = table;
    member.shape.name = query.text_at(2);
    member.shape.view = query.text_at(3);
    member.shared = query.view_at(4) == "shared";
    decode_columns(query.view_at(5), member.shape);
    names.insert(member.shape.name);
    members.push_back(std::move(member));
  }
  std::set<std::pair<std::string, std::string>> there;
  for (const std::string& name : names) {
    for (const std::string& schema :
         texts("SELECT TABLE_SCHEMA FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME=" + engine::quote_text(name))) {
      there.emplace(schema, name);
    }
  }
  std::erase_if(members, [&](const Member& member) { return !there.contains({member.schema, member.shape.name}); });
  return members;
}

void Unite::drop_view_of(std::string_view table) {
  for (const std::string& view :
       texts("SELECT \"view\" FROM " + in_place("_cdc_views") + " WHERE \"table\"=" + engine::quote_text(table))) {
    database_.define("DROP VIEW IF EXISTS " + in_place(view));
  }
}

void Unite::make_view(const std::string& table, const std::vector<Member>& members) {
  United result = members.empty() ? United{} : united(dialect_, options_.place, members);
  // Names that collide in one source may collide differently in another.
  for (const std::string& other : texts("SELECT \"view\" FROM " + in_place("_cdc_views") + " WHERE \"table\"<>" +
                                        engine::quote_text(table) + " AND refused IS NULL")) {
    if (same_folded(other, result.view)) result.refused = "another table's view has the name " + other;
  }
  const bool made = !members.empty() && result.refused.empty();
  // Where a view can take another's place, nobody ever finds none.
  if (!made || !database_.deferred()) drop_view_of(table);
  if (made) {
    database_.define(result.create);
    for (const std::string& comment : result.comments) database_.define(comment);
  }
  database_.prepare("DELETE FROM " + in_place("_cdc_views") + " WHERE \"table\"=?1", table).text(1, table).run();
  if (members.empty()) return;
  Statement insert = database_.prepare("INSERT INTO " + in_place("_cdc_views") + " VALUES(?1,?2,?3,?4)", table);
  insert.text(1, table).text(2, result.view).integer(3, static_cast<std::int64_t>(members.size()));
  result.refused.empty() ? insert.null(4) : insert.text(4, result.refused);
  insert.run();
  if (!made) {
    logging::event(logging::Level::warn, "there is no view over all sources: " + result.refused,
                   {{"err", "not_united"}, {"table", table}});
  }
}

// Tables of which the common place says something else than the state, or whose view is not there, or is of a source that is not.
std::set<std::string> Unite::wrong(const State& state) {
  std::set<std::string> tables;
  std::map<std::string, std::string> own;
  Statement query = database_.prepare("SELECT \"table\",\"schema\",name,\"view\",ids,\"columns\" FROM " +
                                      in_place("_cdc_united") + " WHERE source=?1");
  query.text(1, options_.source);
  const auto told = [](std::string_view schema, std::string_view name, std::string_view view, std::string_view ids,
                       std::string_view columns) {
    return std::string(schema) + "\n" + std::string(name) + "\n" + std::string(view) + "\n" + std::string(ids) + "\n" +
           std::string(columns);
  };
  while (query.step()) {
    own[query.text_at(0)] =
        told(query.text_at(1), query.text_at(2), query.text_at(3), query.text_at(4), query.text_at(5));
  }
  const std::set<std::string> there = texts("SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA=" +
                                            engine::quote_text(options_.place));
  std::set<std::string> right;
  Statement views = database_.prepare("SELECT \"table\",\"view\",refused FROM " + in_place("_cdc_views"));
  while (views.step()) {
    if (!views.is_null(2) || there.contains(views.text_at(1))) right.insert(views.text_at(0));
  }
  for (const auto& [name, table] : state.tables()) {
    if (!is_shown(table.shape)) continue;
    const auto found = own.find(name);
    const bool same =
        found != own.end() && found->second == told(options_.schema, table.shape.name, table.shape.view,
                                                    options_.shared ? "shared" : "own", encode_columns(table.shape));
    if (!same || !right.contains(name)) tables.insert(name);
    if (found != own.end()) own.erase(found);
  }
  for (const auto& [name, ignored] : own) tables.insert(name);
  const char* schemas = database_.kind() == engine::Kind::postgresql
                            ? "(SELECT nspname FROM pg_namespace)"
                            : "(SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA)";
  for (const std::string& table :
       texts("SELECT DISTINCT \"table\" FROM " + in_place("_cdc_united") + " WHERE \"schema\" NOT IN " + schemas)) {
    tables.insert(table);
  }
  return tables;
}

void Unite::settle(const State& state) {
  std::set<std::string> tables = wrong(state);
  tables.insert(waiting_.begin(), waiting_.end());
  waiting_.clear();
  for (const std::string& table : tables) {
    const auto found = state.tables().find(table);
    std::vector<Member> before;
    for (int round = 0; round < kMostRounds; ++round) {
      engine::Transaction transaction(database_);
      lock();
      if (found != state.tables().end() && is_shown(found->second.shape)) {
        register_shape(found->second.shape);
      } else {
        database_.prepare("DELETE FROM " + in_place("_cdc_united") + " WHERE source=?1 AND \"table\"=?2")
            .text(1, options_.source)
            .text(2, table)
            .run();
      }
      const char* schemas = database_.kind() == engine::Kind::postgresql
                                ? "(SELECT nspname FROM pg_namespace)"
                                : "(SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA)";
      database_.run("DELETE FROM " + in_place("_cdc_united") + " WHERE \"schema\" NOT IN " + schemas);
      if (!database_.deferred()) {
        make_view(table, members_of(table));
        transaction.commit();
        break;
      }
      // What is written here is read only when it is committed; and somebody else may have made the view from less than there is now.
      transaction.commit();
      const std::vector<Member> members = members_of(table);
      if (round > 0 && same(before, members)) break;
      before = members;
      engine::Transaction views(database_);
      make_view(table, members);
      views.commit();
    }
  }
}

}  // namespace warehouse
