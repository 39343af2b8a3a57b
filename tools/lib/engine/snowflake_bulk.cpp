// engine: the file of rows.
#include "engine/snowflake_bulk.hpp"

#include <unistd.h>

#include <charconv>
#include <cmath>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "engine/snowflake.hpp"
#include "io/line_writer.hpp"
#include "json/write.hpp"

namespace engine {
namespace {

constexpr std::size_t kFrameBytes = std::size_t{1} << 20;

}  // namespace

SnowflakeBulk::SnowflakeBulk(Snowflake& database, std::string scratch, std::vector<ScratchColumn> columns,
                             const std::string& spool)
    : database_(database), scratch_(std::move(scratch)), columns_(std::move(columns)), file_(io::unnamed_file(spool)) {
  for (const ScratchColumn& column : columns_) {
    json::append_string(keys_.emplace_back(), column.name);
    keys_.back().push_back(':');
  }
}

void SnowflakeBulk::key() {
  lines_.push_back(begun_ ? ',' : '{');
  begun_ = true;
  lines_ += keys_[column_++];
}

void SnowflakeBulk::plain(std::string_view value) {
  key();
  lines_.push_back('"');
  lines_ += value;
  lines_.push_back('"');
}

void SnowflakeBulk::integer(std::int64_t value) {
  char digits[24];
  plain({digits, static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, value).ptr - digits)});
}

void SnowflakeBulk::real(double value) {
  if (std::isnan(value) || std::isinf(value)) {
    plain(std::isnan(value) ? "NaN" : value < 0 ? "-inf" : "inf");
    return;
  }
  char digits[40];
  plain({digits, static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, value).ptr - digits)});
}

void SnowflakeBulk::text(std::string_view value) {
  key();
  json::append_string(lines_, value);
}

void SnowflakeBulk::bytes(std::string_view value) { plain(base::hex(value)); }

void SnowflakeBulk::end_row() {
  lines_ += begun_ ? "}\n" : "{}\n";
  begun_ = false;
  column_ = 0;
  ++rows_;
  if (lines_.size() >= kFrameBytes) write_frame();
}

void SnowflakeBulk::write_frame() {
  if (lines_.empty()) return;
  const std::string_view frame = compressor_.frame(lines_);
  digest_.add(frame);
  io::write_all(file_.get(), frame);
  lines_.clear();
}

void SnowflakeBulk::finish() {
  write_frame();
  database_.land(scratch_, columns_, "/proc/self/fd/" + std::to_string(file_.get()), crypto::hex(digest_.finish()),
                 rows_);
}

}  // namespace engine
