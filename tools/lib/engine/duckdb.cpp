// engine: DuckDB. Its words for an error may hold a value, so that only their kind is told.
#include "engine/duckdb.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <utility>

#include "base/failure.hpp"
#include "engine/duckdb_library.hpp"

namespace engine {
namespace {

using base::Exit;
using base::Failure;
using duck::Handle;
using duck::kOk;
using duck::Library;

constexpr int kPauseMs = 50;

std::string dollar(std::size_t number) { return "$" + std::to_string(number); }

// in  words  `Parser Error: ...`: the kind of error, then what quotes the statement, which is ours, or a value, which is not
[[noreturn]] void fail(std::string_view words, const std::string& table) {
  const auto at = [&](Failure failure) -> Failure { return std::move(failure).at_table(table); };
  const std::string kind(words.substr(0, std::min(words.find(':'), std::size_t{60})));
  if (words.find("No space left") != std::string_view::npos) {
    throw at(Failure(Exit::retry, "disk_full", "could not write the warehouse: the disk is full"));
  }
  if (kind == "IO Error" || kind == "FATAL Error") {
    throw at(Failure(Exit::retry, "warehouse_failed", "could not read or write the warehouse: " + kind));
  }
  if (kind == "Out of Memory Error") {
    throw at(Failure(Exit::retry, "no_memory", "could not reserve memory for the warehouse"));
  }
  if (kind == "Permission Error") throw at(Failure(Exit::denied, "permission", "the warehouse may not be written"));
  std::string line = kind;
  if (kind == "Catalog Error" || kind == "Parser Error" || kind == "Binder Error") {
    line = words.substr(0, words.find("\n\nLINE"));
    std::replace(line.begin(), line.end(), '\n', ' ');
  }
  throw at(Failure(Exit::bug, "sql_failed", "the warehouse refused a statement: " + line));
}

// A result, cleared in any case.
class Answer {
 public:
  explicit Answer(const Library& library) : library_(&library) {}
  ~Answer() { library_->destroy_result(&result_); }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  duck::Result* get() { return &result_; }
  void check(int state, const std::string& table) {
    if (state == kOk) return;
    const char* words = library_->result_error(&result_);
    fail(words == nullptr ? "" : words, table);
  }

 private:
  const Library* library_;
  duck::Result result_{};
};

class DuckdbStatement final : public StatementBody {
 public:
  DuckdbStatement(const Library& library, Handle connection, Numbered sql, std::string_view table)
      : library_(library), sql_(std::move(sql)), table_(table) {
    if (library_.prepare(connection, sql_.sql.c_str(), &raw_) == kOk) return;
    const char* words = library_.prepare_error(raw_);
    const std::string copy = words == nullptr ? "" : words;
    library_.destroy_prepare(&raw_);
    fail(copy, table_);
  }
  ~DuckdbStatement() override {
    clear_view();
    library_.destroy_prepare(&raw_);
  }
  DuckdbStatement(const DuckdbStatement&) = delete;
  DuckdbStatement& operator=(const DuckdbStatement&) = delete;

  void null(int at) override {
    if (const std::uint64_t to = sql_.place(at)) check(library_.bind_null(raw_, to));
  }
  void integer(int at, std::int64_t value) override {
    if (const std::uint64_t to = sql_.place(at)) check(library_.bind_int64(raw_, to, value));
  }
  void real(int at, double value) override {
    if (const std::uint64_t to = sql_.place(at)) check(library_.bind_double(raw_, to, value));
  }
  void text(int at, std::string_view value) override {
    const char* bytes = value.empty() ? "" : value.data();
    if (const std::uint64_t to = sql_.place(at)) check(library_.bind_varchar_length(raw_, to, bytes, value.size()));
  }
  void copied_text(int at, std::string_view value) override { text(at, value); }  // it copies in any case
  void copied_bytes(int at, std::string_view value) override {
    const char* bytes = value.empty() ? "" : value.data();
    if (const std::uint64_t to = sql_.place(at)) check(library_.bind_blob(raw_, to, bytes, value.size()));
  }

  bool step() override {
    clear_view();
    if (answer_) {
      ++row_;
    } else {
      execute();
      row_ = 0;
    }
    return row_ < library_.row_count(answer_->get());
  }
  std::int64_t run() override {
    execute();
    const auto changed = static_cast<std::int64_t>(library_.rows_changed(answer_->get()));
    reset();
    return changed;
  }
  void reset() override {
    clear_view();
    answer_.reset();
  }

  [[nodiscard]] int columns() const override { return static_cast<int>(library_.column_count(answer_->get())); }
  [[nodiscard]] bool is_null(int column) const override {
    return library_.value_is_null(answer_->get(), place(column), row_);
  }
  [[nodiscard]] std::int64_t integer_at(int column) const override {
    const std::string_view digits = view_at(column);
    std::int64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }
  [[nodiscard]] std::string_view view_at(int column) const override {
    if (is_null(column)) return {};
    char*& view = views_.emplace_back(library_.value_varchar(answer_->get(), place(column), row_));
    return view == nullptr ? std::string_view() : std::string_view(view);
  }

 private:
  static std::uint64_t place(int at) { return static_cast<std::uint64_t>(at); }
  void check(int state) const {
    if (state != kOk) throw Failure(Exit::bug, "sql_failed", "a parameter could not be bound").at_table(table_);
  }
  void execute() {
    answer_ = std::make_unique<Answer>(library_);
    answer_->check(library_.execute_prepared(raw_, answer_->get()), table_);
  }
  // Texts are given out as copies of their own, which live until the next row.
  void clear_view() {
    for (char* view : views_) library_.free(view);
    views_.clear();
  }

  const Library& library_;
  Numbered sql_;
  std::string table_;
  Handle raw_ = nullptr;
  std::unique_ptr<Answer> answer_;
  std::uint64_t row_ = 0;
  mutable std::vector<char*> views_;
};

class DuckdbBulk final : public Bulk {
 public:
  DuckdbBulk(const Library& library, Handle connection, const std::string& scratch, std::string_view table)
      : library_(library), table_(table) {
    check(library_.appender_create_ext(connection, "temp", "main", scratch.c_str(), &raw_));
  }
  ~DuckdbBulk() override { library_.appender_destroy(&raw_); }
  DuckdbBulk(const DuckdbBulk&) = delete;
  DuckdbBulk& operator=(const DuckdbBulk&) = delete;

  void null() override { check(library_.append_null(raw_)); }
  void integer(std::int64_t value) override { check(library_.append_int64(raw_, value)); }
  void real(double value) override { check(library_.append_double(raw_, value)); }
  void boolean(bool value) override { check(library_.append_bool(raw_, value)); }
  void text(std::string_view value) override {
    check(library_.append_varchar_length(raw_, value.empty() ? "" : value.data(), value.size()));
  }
  void bytes(std::string_view value) override {
    check(library_.append_blob(raw_, value.empty() ? "" : value.data(), value.size()));
  }
  void end_row() override { check(library_.appender_end_row(raw_)); }
  void finish() override { check(library_.appender_close(raw_)); }

 private:
  void check(int state) const {
    if (state != kOk) {
      throw Failure(Exit::bug, "sql_failed", "the warehouse did not take a row in bulk").at_table(table_);
    }
  }

  const Library& library_;
  std::string table_;
  Handle raw_ = nullptr;
};

}  // namespace

struct Duckdb::Session {
  explicit Session(const Library& wanted) : library(wanted) {}
  ~Session() {
    if (connection != nullptr) library.disconnect(&connection);
    if (database != nullptr) library.close(&database);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void query(const std::string& sql, const std::string& table) {
    Answer answer(library);
    answer.check(library.query(connection, sql.c_str(), answer.get()), table);
  }

  const Library& library;
  Handle database = nullptr;
  Handle connection = nullptr;
};

namespace {

// Opens (or makes) a file, with the errors of Duckdb's constructor.
void open_file(const Library& duck, const std::string& path, int busy_ms, Handle& database) {
  for (int waited_ms = 0;; waited_ms += kPauseMs) {
    char* words = nullptr;
    Handle config = nullptr;
    duck.create_config(&config);
    // Nothing is fetched or loaded from anywhere: a warehouse is a file.
    duck.set_config(config, "autoinstall_known_extensions", "false");
    duck.set_config(config, "autoload_known_extensions", "false");
    const int state = duck.open_ext(path.c_str(), &database, config, &words);
    duck.destroy_config(&config);
    if (state == kOk) return;
    const std::string why = words == nullptr ? "" : words;
    duck.free(words);
    if (why.find("Permission denied") != std::string::npos) {
      throw Failure(Exit::denied, "permission", "the warehouse's file may not be written");
    }
    if (why.find("not a valid DuckDB") != std::string::npos || why.find("different version") != std::string::npos ||
        why.find("newer version") != std::string::npos) {
      throw Failure(Exit::refused, "not_a_warehouse",
                    "the warehouse's file is no DuckDB database, or one of a newer DuckDB");
    }
    const bool busy = why.find("onflicting lock") != std::string::npos || why.find("set lock") != std::string::npos;
    if (!busy) throw Failure(Exit::retry, "warehouse_failed", "could not open the warehouse's file");
    if (waited_ms >= busy_ms) {
      throw Failure(Exit::retry, "warehouse_busy", "could not open the warehouse: another process has its file open");
    }
    ::poll(nullptr, 0, kPauseMs);
  }
}

// DuckDB makes a file in several writes, and cannot open one that somebody died over: it is made beside, and named when it is whole.
// Who makes it has it locked, so that what cannot be opened there is a dead one's.
void make(const Library& duck, const std::string& path, int busy_ms) {
  const std::string made = path + ".new";
  for (bool removed = false; ::access(path.c_str(), F_OK) != 0;) {
    Handle database = nullptr;
    try {
      open_file(duck, made, busy_ms, database);
    } catch (const Failure& failure) {
      if (removed || (failure.slug != "not_a_warehouse" && failure.slug != "warehouse_failed")) throw;
      removed = ::unlink(made.c_str()) == 0 || errno == ENOENT;
      ::unlink((made + ".wal").c_str());
      if (!removed) throw;
      continue;
    }
    duck.close(&database);
    // Of two that made one, one names it; neither a file that is there nor one that the other has just taken away is an error.
    if (::link(made.c_str(), path.c_str()) != 0 && errno != EEXIST && errno != ENOENT) {
      throw Failure(Exit::retry, "warehouse_failed", "could not name the warehouse's file");
    }
    ::unlink(made.c_str());
  }
  // Who died between the two has left the file under both names.
  struct stat first {};
  struct stat second {};
  if (::stat(made.c_str(), &first) == 0 && ::stat(path.c_str(), &second) == 0 && first.st_ino == second.st_ino &&
      first.st_dev == second.st_dev) {
    ::unlink(made.c_str());
  }
}

}  // namespace

Duckdb::Duckdb(const std::string& path, const std::string& schema, const std::string& library, int busy_ms, bool create)
    : session_(std::make_unique<Session>(duck::library(library))), schema_(schema) {
  const Library& duck = session_->library;
  if (create) make(duck, path, busy_ms);
  open_file(duck, path, busy_ms, session_->database);
  if (duck.connect(session_->database, &session_->connection) != kOk) {
    throw Failure(Exit::retry, "warehouse_failed", "could not open the warehouse's file");
  }
  // A commit writes the log and is durable; the file itself is written when the log has grown, and when it is closed.
  session_->query("SET TimeZone='UTC'; SET checkpoint_threshold='1GB'; SET preserve_insertion_order=false", "");
  Answer there(duck);
  there.check(duck.query(session_->connection,
                         ("SELECT 1 FROM duckdb_schemas() WHERE database_name=current_database() AND schema_name=" +
                          quote_text(schema_))
                             .c_str(),
                         there.get()),
              "");
  exists_ = duck.row_count(there.get()) > 0;
  if (!exists_ && create) {
    session_->query("CREATE SCHEMA " + quote_name(schema_), "");
    exists_ = true;
  }
  if (exists_) session_->query("USE " + quote_name(schema_), "");
}

Duckdb::~Duckdb() = default;

Statement Duckdb::prepare(const std::string& sql, std::string_view table) {
  return Statement(std::make_unique<DuckdbStatement>(session_->library, session_->connection,
                                                     number_parameters(sql, &dollar), table));
}

void Duckdb::run(const std::string& sql) { session_->query(sql, ""); }

std::vector<std::string> Duckdb::names() {
  std::vector<std::string> names;
  Statement query = prepare(
      "SELECT table_name FROM information_schema.tables WHERE table_catalog=current_database() AND table_schema=?1");
  query.text(1, schema_);
  while (query.step()) names.push_back(query.text_at(0));
  return names;
}

std::vector<std::string> Duckdb::columns_of(const std::string& table) {
  std::vector<std::string> names;
  Statement query = prepare(
      "SELECT column_name FROM information_schema.columns WHERE table_catalog=current_database() AND table_schema=?1 "
      "AND "
      "table_name=?2 ORDER BY ordinal_position");
  query.text(1, schema_).text(2, table);
  while (query.step()) names.push_back(query.text_at(0));
  return names;
}

bool Duckdb::begin() {
  session_->query(kBegin, "");
  in_transaction_ = true;
  return std::exchange(begun_, true);
}

void Duckdb::commit() {
  session_->query("COMMIT", "");
  in_transaction_ = false;
}

void Duckdb::rollback() noexcept {
  in_transaction_ = false;
  begun_ = false;
  Answer answer(session_->library);
  session_->library.query(session_->connection, "ROLLBACK", answer.get());
}

std::string Duckdb::make_scratch(const std::string& scratch, const std::vector<ScratchColumn>& columns) {
  std::string list;
  for (const ScratchColumn& column : columns)
    list += (list.empty() ? "" : ",") + quote_name(column.name) + " " + column.type;
  return "CREATE OR REPLACE TEMPORARY TABLE temp." + quote_name(scratch) + "(" + list + ")";
}

std::unique_ptr<Bulk> Duckdb::bulk(const std::string& scratch, const std::vector<ScratchColumn>& columns,
                                   std::string_view table) {
  session_->query(make_scratch(scratch, columns), std::string(table));
  return std::make_unique<DuckdbBulk>(session_->library, session_->connection, scratch, table);
}

}  // namespace engine
