// zip: zstd frames. A file of ours is any number of frames one after the other, as `zstdcat`, DuckDB and Snowflake read it.
// Must not know: what is compressed, or where it goes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace zip {

/// Compresses whole pieces into one frame each, reusing its memory. windowLog <= 23 (DuckDB refuses more than 27).
class Compressor {
 public:
  /// in   level  1 to 19
  explicit Compressor(int level);
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
  /// out  one frame holding `bytes` (with its size and checksum); valid until the next call
  /// err  bug/zstd_failed
  [[nodiscard]] std::string_view frame(std::string_view bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string out_;
};

/// Decompresses a stream of frames, given piece by piece.
class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  /// Appends what `bytes` give to `into`. err  data/broken_zstd
  void add(std::string_view bytes, std::string& into);
  /// err  data/broken_zstd when the last frame is not whole
  void end() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace zip
