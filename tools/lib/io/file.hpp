// io: files that survive a power cut: written beside, synced, then named. Knows the file system; not what a file means.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace io {

/// A descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd();
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool open() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

// err  for all below: retry/disk_full (ENOSPC, EDQUOT), denied/permission (EACCES, EPERM), retry/file_failed else; the
//      message holds the path and the system's word for the error

/// out  the whole content, or nothing when there is no such file
[[nodiscard]] std::optional<std::string> read_file(const std::string& path);

/// Reads files by names that are relative to the folder of `path`; the result is what read_file() gives.
[[nodiscard]] std::function<std::optional<std::string>(const std::string& name)> files_beside(const std::string& path);

/// Replaces a file so that after a crash it holds the old or the new content, never a mixture: written to `path.tmp`, synced,
/// renamed, folder synced. One that a killed process left is used again; while another process writes it, `path.tmp.THREAD` is. mode: of the file, whatever the umask; when it is
/// not said, one that is there keeps its own.
void replace_file(const std::string& path, std::string_view content, std::optional<unsigned> mode = std::nullopt);

/// Replaces a file by what `f` makes of its content (empty when it is missing), one process at a time: an exclusive lock is held on
/// PATH.lock, which is made and stays. Nothing is written when nothing changes.
void update_file(const std::string& path, const std::function<std::string(const std::string& content)>& f);

/// Creates a file that must not exist yet, durable when it returns: written without a name, so that a kill leaves nothing, synced,
/// link(2)ed, folder synced.
/// out  false when a file of that name exists (its content is then somebody's whole content)
[[nodiscard]] bool create_file(const std::string& path, std::string_view content);

/// Copies (or links, on the same file system) `from` to `to` unless `to` exists; durable when it returns.
/// out  false when `to` exists
[[nodiscard]] bool place_file(const std::string& from, const std::string& to);

/// Creates a folder and its parents, each made durable in its parent; no error when they exist.
void make_folders(const std::string& path);
/// The same, the last one with mode 0700 when it is made here.
void make_private_folder(const std::string& path);
void sync_folder(const std::string& path);
/// Opens for writing, created empty (mode 0600).
[[nodiscard]] Fd create_for_writing(const std::string& path);
/// A file without a name in a folder, for reading and writing (mode 0600): it goes with its last descriptor, however that ends.
/// Others of this process open it by `/proc/self/fd/NUMBER`.
[[nodiscard]] Fd unnamed_file(const std::string& folder);
void sync(const Fd& fd, const std::string& path);
void remove_file(const std::string& path);  ///< no error when it does not exist

/// Says for as long as the descriptor is open that somebody works on what the file stands for: a shared lock on it. The file is
/// made when it is missing, and stays.
[[nodiscard]] Fd hold(const std::string& path);
/// out  somebody, in this or another process, holds it; false also when it is missing
[[nodiscard]] bool is_held(const std::string& path);

/// The Failure that an errno of a file operation stands for.
[[noreturn]] void throw_errno(int error, const std::string& doing, const std::string& path);

}  // namespace io
