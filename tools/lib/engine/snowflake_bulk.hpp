// engine: rows on their way to Snowflake: lines of JSON in a compressed file, every value a text, so that none passes through a number of
// 53 bits. Knows the file; where it goes is the database's.
#pragma once

#include <string>
#include <vector>

#include "crypto/digest.hpp"
#include "engine/database.hpp"
#include "io/file.hpp"
#include "zip/zstd.hpp"

namespace engine {

class Snowflake;

class SnowflakeBulk final : public Bulk {
 public:
  /// in   spool  folder for the file in the making
  SnowflakeBulk(Snowflake& database, std::string scratch, std::vector<ScratchColumn> columns, const std::string& spool);

  void null() override { ++column_; }  // a key that is not there is SQL's null
  void integer(std::int64_t value) override;
  void real(double value) override;
  void boolean(bool value) override { plain(value ? "true" : "false"); }
  void text(std::string_view value) override;
  void bytes(std::string_view value) override;
  void end_row() override;
  void finish() override;

 private:
  void plain(std::string_view value);
  void key();
  void write_frame();

  Snowflake& database_;
  std::string scratch_;
  std::vector<ScratchColumn> columns_;
  std::vector<std::string> keys_;  // as they stand in a line
  io::Fd file_;                    // which a loader that is killed does not leave behind
  std::string lines_;
  zip::Compressor compressor_{1};
  crypto::Sha256 digest_;
  std::size_t column_ = 0;
  bool begun_ = false;
  std::uint64_t rows_ = 0;
};

}  // namespace engine
