// stage: the folder between cdc-batch and cdc-stage-put, and files of compressed lines in the making. A file belongs to
// the spool until it is given away with its manifest; then it belongs to whoever reads the manifest. Knows the file system.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "crypto/digest.hpp"
#include "io/file.hpp"
#include "stage/manifest.hpp"
#include "stage/store.hpp"
#include "zip/zstd.hpp"

namespace stage {

class Spool {
 public:
  /// in   folder  made when missing (mode 0700); one process at a time may have it; files of dead runs are removed from it.
  ///              Empty: a new private folder below `temporary`, and in either case private folders there that nobody
  ///              has locked for ten minutes are removed
  /// err  retry/locked (another process has this spool), denied/permission, retry/disk_full, retry/file_failed
  Spool(const std::string& folder, const std::string& temporary);
  /// Removes the files that were not given away; a private folder too, when it is empty.
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// Makes the name of a file that does not exist yet; it is the spool's.
  [[nodiscard]] std::string new_path();
  /// Adds to the end of a file, which is created by the first call.
  void append(const std::string& path, std::string_view bytes);
  void remove(const std::string& path);
  /// From now on the file is somebody else's.
  void give_away(const std::string& path);

  /// For who was given the files: says for as long as the descriptor is open that the private folder of such a file is read from, also
  /// when its maker has died. Closed, when it is no private one.
  [[nodiscard]] static io::Fd attend(const std::string& path);
  /// For who was given the files: removes one.
  static void consume(const std::string& path);
  /// For who was given the files, at the end: removes the folder of such a file if it is a private one, empty, and its maker has ended.
  static void leave(const std::string& path);

 private:
  std::string folder_;
  bool private_ = false;
  io::Fd lock_;
  std::string stem_;
  std::uint64_t made_ = 0;
  std::set<std::string> own_;
};

/// Raw bytes of a frame: beyond it the ratio does not grow (level 1 looks back 512 KiB), the memory does.
inline constexpr std::size_t kFrameBytes = 1024 * 1024;

/// One file of lines in the making: a buffer in memory, of which a frame at a time goes to the disk. Holds no descriptor.
class SpooledFile {
 public:
  /// in   spool, compressor  shared by many files; outlive this
  ///      table, part        what the entry will say
  SpooledFile(Spool& spool, zip::Compressor& compressor, std::string table, std::uint64_t part);

  /// Adds one line, given without its break.
  void add(std::string_view line) {
    buffer_.append(line);
    buffer_.push_back('\n');
    ++rows_;
  }
  [[nodiscard]] std::size_t buffered_bytes() const { return buffer_.size(); }
  [[nodiscard]] std::uint64_t rows() const { return rows_; }
  /// Compressed bytes written so far.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t raw_bytes() const { return flushed_raw_bytes_ + buffer_.size(); }

  /// Writes what is buffered as one frame. in  keep_memory  the buffer will be needed again
  void flush(bool keep_memory);
  /// Takes away everything after the first `raw_bytes` bytes, which are `rows` lines.
  void cut(std::uint64_t raw_bytes, std::uint64_t rows);
  /// Flushes the rest. out  the entry, without key bounds; no more lines after this
  [[nodiscard]] FileEntry finish();
  /// Takes the file itself away.
  void discard();

 private:
  Spool* spool_;
  zip::Compressor* compressor_;
  std::string table_;
  std::uint64_t part_;
  std::string path_;  // empty until the first frame
  std::string buffer_;
  crypto::Sha256 digest_;
  std::uint64_t rows_ = 0;
  std::uint64_t flushed_raw_bytes_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace stage
