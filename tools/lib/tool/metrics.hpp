// tool: a program's metrics as a Prometheus text file, replaced whole. Names: base units, `_total` for counters, prefix
// cdc_; labels are few-valued (table, op, class), never a key or a position.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace tool {

/// One label as the text format wants it: `table="public.\"T\""`, quotes, backslashes and line breaks escaped.
[[nodiscard]] std::string label(std::string_view name, std::string_view value);

/// Of a file of metrics, whatever the umask: who collects them has an account of its own, and there is no value in them.
inline constexpr unsigned kMetricsMode = 0644;

class Metrics {
 public:
  /// in   path  where write() puts the file; empty = nowhere
  Metrics(std::string path, std::string_view program);

  /// Whose programs these are: all metrics made from here on bear it as a label, so that those of several pipelines can lie in one folder.
  /// in  file  the pipeline file; its name without `.ini` is the pipeline's; empty: none's
  static void name_pipeline(std::string_view file);

  /// Adds to a counter (created at 0). in  name `cdc_mask_rows_total`; labels `table="public.users"` or empty
  void add(std::string_view name, std::string_view labels, double by = 1);
  void set(std::string_view name, std::string_view labels, double value);
  /// Declared so that the file says HELP and TYPE; call once per name.
  void declare(std::string_view name, std::string_view help);

  /// Replaces the file (atomic rename). A failure to write is logged once and does not stop the program.
  void write();
  /// Writes when at least 15 s have passed since the last write.
  void write_at_intervals(std::int64_t now_ms);
  [[nodiscard]] std::string text() const;

 private:
  std::string path_;
  std::string labels_;  // that all bear
  std::map<std::string, std::string, std::less<>> help_;
  std::map<std::string, std::map<std::string, double, std::less<>>, std::less<>> values_;
  std::int64_t last_write_ms_ = -15'000;
  bool warned_ = false;
};

}  // namespace tool
