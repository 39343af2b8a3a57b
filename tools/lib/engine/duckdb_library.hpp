// engine: DuckDB's library, loaded when a warehouse asks for it: whoever has no DuckDB needs none. These are the few functions of its C
// interface that are used, declared by hand: neither its header nor its library is there when the project is built.
// Knows names and signatures; not what they are used for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace engine::duck {

/// As duckdb.h lays it out.
/// src  duckdb.h (stable since 1.0): duckdb_result
struct Result {
  std::uint64_t deprecated_column_count;
  std::uint64_t deprecated_row_count;
  std::uint64_t deprecated_rows_changed;
  void* deprecated_columns;
  char* deprecated_error_message;
  void* internal_data;
};
using Handle = void*;  // database, connection, statement, appender, config: each a pointer to something of its own
inline constexpr int kOk = 0;  // duckdb_state

/// Signatures are those of duckdb.h, with Handle in the place of each opaque pointer.
struct Library {
  const char* (*library_version)();
  int (*create_config)(Handle*);
  int (*set_config)(Handle, const char*, const char*);
  void (*destroy_config)(Handle*);
  int (*open_ext)(const char*, Handle*, Handle, char**);
  void (*close)(Handle*);
  int (*connect)(Handle, Handle*);
  void (*disconnect)(Handle*);
  int (*query)(Handle, const char*, Result*);
  void (*destroy_result)(Result*);
  const char* (*result_error)(Result*);
  std::uint64_t (*column_count)(Result*);
  std::uint64_t (*row_count)(Result*);
  std::uint64_t (*rows_changed)(Result*);
  char* (*value_varchar)(Result*, std::uint64_t column, std::uint64_t row);
  bool (*value_is_null)(Result*, std::uint64_t column, std::uint64_t row);
  void (*free)(void*);
  int (*prepare)(Handle connection, const char*, Handle* statement);
  const char* (*prepare_error)(Handle);
  void (*destroy_prepare)(Handle*);
  int (*bind_null)(Handle, std::uint64_t);
  int (*bind_int64)(Handle, std::uint64_t, std::int64_t);
  int (*bind_double)(Handle, std::uint64_t, double);
  int (*bind_varchar_length)(Handle, std::uint64_t, const char*, std::uint64_t);
  int (*bind_blob)(Handle, std::uint64_t, const void*, std::uint64_t);
  int (*execute_prepared)(Handle, Result*);
  int (*appender_create_ext)(Handle connection, const char* catalog, const char* schema, const char* table, Handle*);
  int (*append_null)(Handle);
  int (*append_int64)(Handle, std::int64_t);
  int (*append_double)(Handle, double);
  int (*append_bool)(Handle, bool);
  int (*append_varchar_length)(Handle, const char*, std::uint64_t);
  int (*append_blob)(Handle, const void*, std::uint64_t);
  int (*appender_end_row)(Handle);
  int (*appender_close)(Handle);
  int (*appender_destroy)(Handle*);
};

/// The library, loaded once: the file that PGCDC_DUCKDB_LIBRARY names, else libduckdb.so wherever the system looks for libraries.
///
/// in   path  the variable's value; empty: not set
/// err  usage/no_duckdb when it cannot be loaded or lacks a function
[[nodiscard]] const Library& library(const std::string& path);

}  // namespace engine::duck
