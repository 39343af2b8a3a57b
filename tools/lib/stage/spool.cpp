// stage: the spool's folder. Locked by flock on the folder itself, so that nothing but data files lies in it; names bear the
// process, so that what a dead run left is told from what this one makes.
#include "stage/spool.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <vector>

#include "base/failure.hpp"

namespace stage {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFilePrefix = "cdc-";
constexpr std::string_view kFileSuffix = ".ndjson.zst";
constexpr std::string_view kPrivatePrefix = "cdc-batch.";
// A private folder is locked by its maker, and by who reads from it; the time is for one who has not got its first manifest yet, and for a
// maker that has not locked it yet.
constexpr std::time_t kDeadAfterSeconds = 600;

bool is_file_name(std::string_view name) { return name.starts_with(kFilePrefix) && name.ends_with(kFileSuffix); }

// in   how  LOCK_EX, LOCK_SH
// out  a descriptor that holds the lock on a folder; closed when somebody else has it or there is none
io::Fd try_lock(const std::string& folder, int how = LOCK_EX) {
  io::Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (fd.open() && ::flock(fd.get(), how | LOCK_NB) != 0) return io::Fd();
  return fd;
}

// The private folder in which a file lies; empty: in another one.
std::string private_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return "";
  const std::string folder = path.substr(0, slash);
  return std::string_view(folder).substr(folder.rfind('/') + 1).starts_with(kPrivatePrefix) ? folder : "";
}

void remove_files_of(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> found;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (is_file_name(it->path().filename().string())) found.push_back(it->path().string());
  }
  for (const std::string& path : found) ::unlink(path.c_str());
}

void remove_dead_private_folders(const std::string& temporary) {
  std::error_code error;
  std::vector<std::string> found;
  for (fs::directory_iterator it(temporary, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with(kPrivatePrefix)) found.push_back(it->path().string());
  }
  for (const std::string& folder : found) {
    struct stat about {};
    if (::lstat(folder.c_str(), &about) != 0 || !S_ISDIR(about.st_mode) || about.st_uid != ::geteuid()) continue;
    if (std::time(nullptr) - about.st_mtime < kDeadAfterSeconds) continue;
    const io::Fd lock = try_lock(folder);
    if (!lock.open()) continue;
    remove_files_of(folder);
    ::rmdir(folder.c_str());
  }
}

}  // namespace

Spool::Spool(const std::string& folder, const std::string& temporary) : folder_(folder) {
  remove_dead_private_folders(temporary);
  if (folder_.empty()) {
    private_ = true;
    std::string name = temporary + "/" + std::string(kPrivatePrefix) + "XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) io::throw_errno(errno, "create folder", name);
    folder_ = name;
  } else {
    while (folder_.size() > 1 && folder_.back() == '/') folder_.pop_back();
    io::make_private_folder(folder_);
  }
  lock_ = io::Fd(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_.open()) io::throw_errno(errno, "open folder", folder_);
  if (::flock(lock_.get(), (private_ ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) io::throw_errno(errno, "lock", folder_);
    throw base::Failure(base::Exit::retry, "locked",
                        "could not lock the spool " + folder_ + ": another process has it");
  }
  if (!private_) remove_files_of(folder_);
  // A manifest's path is read by another process, whose working folder may be another one.
  std::error_code error;
  const fs::path absolute = fs::absolute(folder_, error);
  if (!error) folder_ = absolute.lexically_normal().string();
  stem_ = folder_ + "/" + std::string(kFilePrefix) + std::to_string(::getpid()) + "-";
}

Spool::~Spool() {
  for (const std::string& path : own_) ::unlink(path.c_str());
  if (private_) ::rmdir(folder_.c_str());
}

std::string Spool::new_path() {
  std::string path = stem_ + std::to_string(made_++) + std::string(kFileSuffix);
  own_.insert(path);
  return path;
}

void Spool::append(const std::string& path, std::string_view bytes) {
  // Not 0600: the folder keeps others out, and the same file becomes an object of the stage by link(2).
  const io::Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd.open()) io::throw_errno(errno, "create", path);
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
    if (put < 0 && errno != EINTR) io::throw_errno(errno, "write", path);
    if (put > 0) bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

void Spool::remove(const std::string& path) {
  io::remove_file(path);
  own_.erase(path);
}

void Spool::give_away(const std::string& path) { own_.erase(path); }

void Spool::consume(const std::string& path) { io::remove_file(path); }

io::Fd Spool::attend(const std::string& path) {
  const std::string folder = private_folder_of(path);
  return folder.empty() ? io::Fd() : try_lock(folder, LOCK_SH);
}

void Spool::leave(const std::string& path) {
  const std::string folder = private_folder_of(path);
  if (folder.empty()) return;
  const io::Fd lock = try_lock(folder);
  if (lock.open()) ::rmdir(folder.c_str());
}

SpooledFile::SpooledFile(Spool& spool, zip::Compressor& compressor, std::string table, std::uint64_t part)
    : spool_(&spool), compressor_(&compressor), table_(std::move(table)), part_(part) {}

void SpooledFile::flush(bool keep_memory) {
  if (!buffer_.empty()) {
    if (path_.empty()) path_ = spool_->new_path();
    const std::string_view frame = compressor_->frame(buffer_);
    spool_->append(path_, frame);
    digest_.add(frame);
    bytes_ += frame.size();
    flushed_raw_bytes_ += buffer_.size();
    buffer_.clear();
  }
  if (!keep_memory) std::string().swap(buffer_);
}

void SpooledFile::cut(std::uint64_t raw_bytes, std::uint64_t rows) {
  if (raw_bytes >= flushed_raw_bytes_) {
    buffer_.resize(static_cast<std::size_t>(raw_bytes - flushed_raw_bytes_));
    rows_ = rows;
    return;
  }
  // What is to go is compressed already: the part that stays is written again, into a file of its own.
  const std::string old_path = path_;
  SpooledFile kept(*spool_, *compressor_, table_, part_);
  auto reader = open_local_file(old_path);
  if (!reader) throw base::Failure(base::Exit::retry, "spool_missing", "could not find spool file " + old_path);
  zip::Decompressor decompressor;
  while (kept.raw_bytes() < raw_bytes) {
    const std::string_view piece = reader->read();
    if (piece.empty()) throw base::Failure(base::Exit::bug, "spool_short", "spool file " + old_path + " is too short");
    decompressor.add(piece, kept.buffer_);
    if (kept.raw_bytes() > raw_bytes)
      kept.buffer_.resize(static_cast<std::size_t>(raw_bytes - kept.flushed_raw_bytes_));
    if (kept.buffer_.size() >= kFrameBytes) kept.flush(true);
  }
  kept.rows_ = rows;
  spool_->remove(old_path);
  *this = std::move(kept);
}

FileEntry SpooledFile::finish() {
  flush(false);
  FileEntry entry;
  entry.table = table_;
  entry.part = part_;
  entry.rows = rows_;
  entry.raw_bytes = flushed_raw_bytes_;
  entry.bytes = bytes_;
  entry.sha256 = crypto::hex(digest_.finish());
  entry.path = path_;
  return entry;
}

void SpooledFile::discard() {
  std::string().swap(buffer_);
  if (!path_.empty()) spool_->remove(path_);
  path_.clear();
}

}  // namespace stage
