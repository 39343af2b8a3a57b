// engine: loading DuckDB.
#include "engine/duckdb_library.hpp"

#include <dlfcn.h>

#include "base/failure.hpp"

namespace engine::duck {
namespace {

using base::Exit;
using base::Failure;

template <class Function>
void find(void* handle, const char* name, Function& function) {
  void* address = ::dlsym(handle, name);
  if (address == nullptr) {
    throw Failure(Exit::usage, "no_duckdb",
                  std::string("DuckDB's library lacks ") + name + ": 1.4 is the oldest that does");
  }
  function = reinterpret_cast<Function>(address);
}

Library load(const std::string& path) {
  const std::string file = path.empty() ? "libduckdb.so" : path;
  void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw Failure(Exit::usage, "no_duckdb",
                  "cannot load DuckDB's library " + file +
                      ": name the file in PGCDC_DUCKDB_LIBRARY; cdc-load(1) says where it is had");
  }
  Library library{};
  find(handle, "duckdb_library_version", library.library_version);
  find(handle, "duckdb_create_config", library.create_config);
  find(handle, "duckdb_set_config", library.set_config);
  find(handle, "duckdb_destroy_config", library.destroy_config);
  find(handle, "duckdb_open_ext", library.open_ext);
  find(handle, "duckdb_close", library.close);
  find(handle, "duckdb_connect", library.connect);
  find(handle, "duckdb_disconnect", library.disconnect);
  find(handle, "duckdb_query", library.query);
  find(handle, "duckdb_destroy_result", library.destroy_result);
  find(handle, "duckdb_result_error", library.result_error);
  find(handle, "duckdb_column_count", library.column_count);
  find(handle, "duckdb_row_count", library.row_count);
  find(handle, "duckdb_rows_changed", library.rows_changed);
  find(handle, "duckdb_value_varchar", library.value_varchar);
  find(handle, "duckdb_value_is_null", library.value_is_null);
  find(handle, "duckdb_free", library.free);
  find(handle, "duckdb_prepare", library.prepare);
  find(handle, "duckdb_prepare_error", library.prepare_error);
  find(handle, "duckdb_destroy_prepare", library.destroy_prepare);
  find(handle, "duckdb_bind_null", library.bind_null);
  find(handle, "duckdb_bind_int64", library.bind_int64);
  find(handle, "duckdb_bind_double", library.bind_double);
  find(handle, "duckdb_bind_varchar_length", library.bind_varchar_length);
  find(handle, "duckdb_bind_blob", library.bind_blob);
  find(handle, "duckdb_execute_prepared", library.execute_prepared);
  find(handle, "duckdb_appender_create_ext", library.appender_create_ext);
  find(handle, "duckdb_append_null", library.append_null);
  find(handle, "duckdb_append_int64", library.append_int64);
  find(handle, "duckdb_append_double", library.append_double);
  find(handle, "duckdb_append_bool", library.append_bool);
  find(handle, "duckdb_append_varchar_length", library.append_varchar_length);
  find(handle, "duckdb_append_blob", library.append_blob);
  find(handle, "duckdb_appender_end_row", library.appender_end_row);
  find(handle, "duckdb_appender_close", library.appender_close);
  find(handle, "duckdb_appender_destroy", library.appender_destroy);
  return library;
}

}  // namespace

const Library& library(const std::string& path) {
  static const Library library = load(path);
  return library;
}

}  // namespace engine::duck
