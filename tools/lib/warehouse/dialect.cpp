// warehouse: the dialects, one class each. Where an engine has no type that holds every value of a kind exactly, the value is kept as
// text; where users would rather have a type that holds nearly all, the few others do not fit (fits) and wait in quarantine.
#include "warehouse/dialect.hpp"

#include <array>
#include <charconv>
#include <optional>

#include "base/failure.hpp"
#include "warehouse/key.hpp"

namespace warehouse {
namespace {

constexpr std::size_t kSnowflakeText = std::size_t{16} * 1024 * 1024;
constexpr std::size_t kSnowflakeBytes = std::size_t{8} * 1024 * 1024;
constexpr int kMostDigits = 38;

/// numeric(p,s) as the source declares it. precision 0: it does not.
struct Digits {
  int precision = 0;
  int scale = 0;
};
Digits digits_of(const TableColumn& column) {
  const std::int32_t typmod = column.source.typmod;
  if (column.source.type != "numeric" || typmod < 4) return {};
  const int scale = (typmod - 4) & 0x7FF;  // eleven bits, with a sign
  return {(typmod - 4) >> 16 & 0xFFFF, scale >= 1024 ? scale - 2048 : scale};
}
// A decimal of as many digits as can be, so that a wider precision needs no other type.
bool is_decimal(const TableColumn& column) {
  const Digits digits = digits_of(column);
  return column.kind == Kind::numeric && digits.precision > 0 && digits.scale >= 0 && digits.precision <= kMostDigits &&
         digits.scale <= digits.precision;
}
std::string decimal(std::string_view word, const TableColumn& column) {
  return std::string(word) + "(38," + std::to_string(digits_of(column).scale) + ")";
}

bool is_with_zone(const TableColumn& column) { return column.source.type == "timestamptz"; }

// Year of a date or timestamp as the stream writes it; nothing for infinity.
std::optional<long> year_of(std::string_view text) {
  long year = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), year);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return text.ends_with("BC") ? 1 - year : year;
}

std::string hex_of(const std::string& expression, const char* function) {
  return "'\\x'||lower(" + std::string(function) + "(" + expression + "))";
}

class SqliteDialect final : public Dialect {
 public:
  [[nodiscard]] engine::Kind kind() const override { return engine::Kind::sqlite; }
  // STRICT tables: a value is stored as it was bound or refused, never bent. A real column is ANY because NaN is a text there.
  [[nodiscard]] std::string type_of(const TableColumn& column) const override {
    switch (column.kind) {
      case Kind::integer:
      case Kind::boolean:
        return "INTEGER";
      case Kind::real:
        return "ANY";
      case Kind::bytes:
        return "BLOB";
      default:
        return "TEXT";
    }
  }
  [[nodiscard]] std::string text_type() const override { return "TEXT"; }
  [[nodiscard]] std::string integer_type() const override { return "INTEGER"; }
  [[nodiscard]] std::string state_tail() const override { return ") STRICT"; }
  [[nodiscard]] std::string table_tail(const std::vector<std::string>& keys) const override {
    if (keys.empty()) return ") STRICT";
    std::string list;
    for (const std::string& key : keys) list += (list.empty() ? "" : ",") + key;
    return ",PRIMARY KEY(" + list + ")) STRICT,WITHOUT ROWID";
  }
  [[nodiscard]] bool shows_real_beside(const TableColumn& column) const override {
    return column.kind == Kind::numeric;
  }
  [[nodiscard]] bool has_indexes() const override { return true; }
  [[nodiscard]] bool has_comments() const override { return false; }
  [[nodiscard]] std::string key_text(const std::string& expression, Kind kind) const override {
    if (kind == Kind::bytes) return "'\\x'||hex(" + expression + ")";
    if (kind == Kind::real) {
      return "CASE typeof(" + expression + ") WHEN 'real' THEN printf('%!.17g'," + expression + ") ELSE " + expression +
             " END";
    }
    return "CAST(" + expression + " AS TEXT)";
  }
  [[nodiscard]] std::vector<std::string> retype(const std::string&, const std::string&,
                                                const std::string&) const override {
    throw base::Failure(base::Exit::bug, "no_retype", "SQLite keeps every kind in one type");
  }
  [[nodiscard]] std::string scratch(std::string_view name) const override { return "temp." + quote(name); }
};

class PostgresqlDialect final : public Dialect {
 public:
  [[nodiscard]] engine::Kind kind() const override { return engine::Kind::postgresql; }
  [[nodiscard]] std::size_t longest_name() const override { return 63; }
  [[nodiscard]] std::string type_of(const TableColumn& column) const override {
    switch (column.kind) {
      case Kind::integer:
        return "bigint";
      case Kind::boolean:
        return "boolean";
      case Kind::real:
        return "double precision";
      case Kind::numeric:
        return "numeric";
      case Kind::date:
        return "date";
      case Kind::timestamp:
        return is_with_zone(column) ? "timestamp with time zone" : "timestamp without time zone";
      case Kind::bytes:
        return "bytea";
      case Kind::json:
        return column.source.type == "jsonb" ? "jsonb" : "json";
      default:
        return "text";
    }
  }
  [[nodiscard]] std::string text_type() const override { return "text COLLATE \"C\""; }
  [[nodiscard]] std::string integer_type() const override { return "bigint"; }
  [[nodiscard]] std::string table_tail(const std::vector<std::string>& keys) const override {
    if (keys.empty()) return ")";
    std::string list;
    for (const std::string& key : keys) list += (list.empty() ? "" : ",") + key;
    return ",PRIMARY KEY(" + list + "))";
  }
  [[nodiscard]] std::string contains(const std::string& text, const std::string& part) const override {
    return "strpos(" + text + "," + part + ")>0";
  }
  [[nodiscard]] std::string key_text(const std::string& expression, Kind) const override {
    return "CAST(" + expression + " AS text)";
  }
  [[nodiscard]] std::vector<std::string> retype(const std::string& table, const std::string& column,
                                                const std::string& type) const override {
    return {"ALTER TABLE " + table + " ALTER COLUMN " + column + " TYPE " + type};
  }
  [[nodiscard]] bool has_indexes() const override { return true; }
  // In PostgreSQL every value of a type that PostgreSQL sent has a place.
  [[nodiscard]] bool limited(const TableColumn&) const override { return false; }
};

class DuckdbDialect final : public Dialect {
 public:
  [[nodiscard]] engine::Kind kind() const override { return engine::Kind::duckdb; }
  [[nodiscard]] std::string type_of(const TableColumn& column) const override {
    switch (column.kind) {
      case Kind::integer:
        return "BIGINT";
      case Kind::boolean:
        return "BOOLEAN";
      case Kind::real:
        return "DOUBLE";
      case Kind::numeric:
        return is_decimal(column) ? decimal("DECIMAL", column) : "VARCHAR";
      case Kind::date:
        return "DATE";
      case Kind::timestamp:
        return is_with_zone(column) ? "TIMESTAMPTZ" : "TIMESTAMP";
      case Kind::bytes:
        return "BLOB";
      case Kind::json:
        return "JSON";
      default:
        return "VARCHAR";
    }
  }
  [[nodiscard]] std::string text_type() const override { return "VARCHAR"; }
  [[nodiscard]] std::string integer_type() const override { return "BIGINT"; }
  // No index: a merge joins by hash, and an index would make every update of a row a delete and an insert in it.
  [[nodiscard]] std::string table_tail(const std::vector<std::string>&) const override { return ")"; }
  [[nodiscard]] bool shows_real_beside(const TableColumn& column) const override {
    return column.kind == Kind::numeric && !is_decimal(column);
  }
  [[nodiscard]] std::string key_text(const std::string& expression, Kind kind) const override {
    return kind == Kind::bytes ? hex_of(expression, "hex") : "CAST(" + expression + " AS VARCHAR)";
  }
  [[nodiscard]] std::string scratch_type(const TableColumn& column) const override {
    return is_cast(column) ? "VARCHAR" : type_of(column);
  }
  [[nodiscard]] std::string from_scratch(const std::string& expression, const TableColumn& column) const override {
    if (!is_cast(column)) return expression;
    // A year before the first is written otherwise there.
    const std::string text = column.kind == Kind::date || column.kind == Kind::timestamp
                                 ? "replace(" + expression + ",' BC',' (BC)')"
                                 : expression;
    return "CAST(" + text + " AS " + type_of(column) + ")";
  }
  [[nodiscard]] bool limited(const TableColumn& column) const override {
    return column.kind == Kind::timestamp || is_decimal(column);
  }
  [[nodiscard]] bool fits(const TableColumn& column, std::string_view raw) const override {
    std::string scratch;
    const std::string_view text = plain_text(raw, scratch);
    if (is_decimal(column)) return text != "NaN" && !text.ends_with("Infinity");
    const auto year = year_of(text);
    return !year || *year < 294247;  // microseconds since 1970 in 64 bits end on 10 January of that year
  }
  [[nodiscard]] std::string scratch(std::string_view name) const override { return "temp." + quote(name); }

 private:
  static bool is_cast(const TableColumn& column) {
    return column.kind == Kind::date || column.kind == Kind::timestamp || column.kind == Kind::json ||
           is_decimal(column);
  }
  // Not by a column beside: rows that are changed and a table that is altered afterwards do not go into one transaction.
  [[nodiscard]] std::vector<std::string> retype(const std::string& table, const std::string& column,
                                                const std::string& type) const override {
    return {"ALTER TABLE " + table + " ALTER COLUMN " + column + " TYPE " + type};
  }
};

class SnowflakeDialect final : public Dialect {
 public:
  [[nodiscard]] engine::Kind kind() const override { return engine::Kind::snowflake; }
  [[nodiscard]] std::string type_of(const TableColumn& column) const override {
    switch (column.kind) {
      case Kind::integer:
        return "NUMBER(19,0)";
      case Kind::boolean:
        return "BOOLEAN";
      case Kind::real:
        return "FLOAT";
      case Kind::numeric:
        return is_number(column) ? decimal("NUMBER", column) : "VARCHAR";
      case Kind::date:
        return "DATE";
      case Kind::timestamp:
        return is_with_zone(column) ? "TIMESTAMP_TZ(6)" : "TIMESTAMP_NTZ(6)";
      case Kind::bytes:
        return "BINARY";
      default:
        return "VARCHAR";
    }
  }
  [[nodiscard]] std::string text_type() const override { return "VARCHAR"; }
  [[nodiscard]] std::string integer_type() const override { return "NUMBER(19,0)"; }
  [[nodiscard]] std::string table_tail(const std::vector<std::string>&) const override { return ")"; }
  [[nodiscard]] std::string contains(const std::string& text, const std::string& part) const override {
    return "CONTAINS(" + text + "," + part + ")";
  }
  [[nodiscard]] bool comments_with_view() const override { return true; }
  // The text is exact; as VARIANT, numbers of more than 38 digits are not.
  [[nodiscard]] std::string shown(const std::string& expression, const TableColumn& column) const override {
    const bool parsed = column.kind == Kind::json || column.kind == Kind::array;
    return parsed ? "TRY_PARSE_JSON(" + expression + ")" : expression;
  }
  [[nodiscard]] std::string key_text(const std::string& expression, Kind kind) const override {
    return kind == Kind::bytes ? hex_of(expression, "HEX_ENCODE") : "CAST(" + expression + " AS VARCHAR)";
  }
  [[nodiscard]] std::string scratch_type(const TableColumn& column) const override {
    return column.kind == Kind::bytes ? "VARCHAR" : type_of(column);
  }
  [[nodiscard]] std::string from_scratch(const std::string& expression, const TableColumn& column) const override {
    return column.kind == Kind::bytes ? "TO_BINARY(" + expression + ",'HEX')" : expression;
  }
  [[nodiscard]] bool limited(const TableColumn&) const override { return true; }
  [[nodiscard]] bool fits(const TableColumn& column, std::string_view raw) const override {
    std::string scratch;
    switch (column.kind) {
      case Kind::integer:
      case Kind::boolean:
      case Kind::real:
        return true;
      case Kind::bytes:
        return raw.size() / 4 * 3 <= kSnowflakeBytes;
      case Kind::date:
      case Kind::timestamp: {
        const auto year = year_of(plain_text(raw, scratch));
        return year && *year >= 1 && *year <= 9999;
      }
      case Kind::numeric:
        if (is_number(column)) {
          const std::string_view text = plain_text(raw, scratch);
          return text != "NaN" && !text.ends_with("Infinity");
        }
        [[fallthrough]];
      default:
        return raw.size() <= kSnowflakeText;
    }
  }

 private:
  static bool is_number(const TableColumn& column) { return is_decimal(column) && digits_of(column).scale <= 37; }
};

}  // namespace

bool Dialect::fits(const TableColumn&, std::string_view) const { return true; }
bool Dialect::limited(const TableColumn&) const { return false; }

std::string Dialect::contains(const std::string& text, const std::string& part) const {
  return "instr(" + text + "," + part + ")>0";
}

std::string Dialect::shown(const std::string& expression, const TableColumn&) const { return expression; }

std::string Dialect::fetched(const std::string& expression, const TableColumn& column) const {
  if (column.kind == Kind::bytes) return key_text(expression, column.kind);
  if (column.kind != Kind::boolean) return "CAST(" + expression + " AS VARCHAR)";
  return "CASE WHEN " + expression + " THEN '1' WHEN NOT " + expression + " THEN '0' END";
}

std::vector<std::string> Dialect::retype(const std::string& table, const std::string& column,
                                         const std::string& type) const {
  const std::string beside = quote(kRetyped);
  return {"ALTER TABLE " + table + " ADD COLUMN " + beside + " " + type,
          "UPDATE " + table + " SET " + beside + "=CAST(" + column + " AS " + type + ")",
          "ALTER TABLE " + table + " DROP COLUMN " + column,
          "ALTER TABLE " + table + " RENAME COLUMN " + beside + " TO " + column};
}

const Dialect& dialect_of(engine::Kind kind) {
  static const SqliteDialect sqlite;
  static const PostgresqlDialect postgresql;
  static const DuckdbDialect duckdb;
  static const SnowflakeDialect snowflake;
  const std::array<const Dialect*, 4> all{&sqlite, &postgresql, &duckdb, &snowflake};
  return *all[static_cast<std::size_t>(kind)];
}

}  // namespace warehouse
