// io: durable files. The order is always: content, sync, name, sync of the folder.
// Knows system calls and their errors; must not know formats, or retry what only a supervisor may retry.
#include "io/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/failure.hpp"
#include "io/line_writer.hpp"

namespace io {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A name beside `path` that no other process uses.
std::string beside(const std::string& path) { return path + ".tmp." + std::to_string(::getpid()); }

// Removes a temporary file unless it was given its name.
class Temporary {
 public:
  explicit Temporary(std::string path) : path_(std::move(path)) {}
  ~Temporary() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

void write_synced(const std::string& path, std::string_view content, mode_t mode) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!fd.open()) throw_errno(errno, "create", path);
  while (!content.empty()) {
    const ssize_t put = ::write(fd.get(), content.data(), content.size());
    if (put < 0 && errno != EINTR) throw_errno(errno, "write", path);
    if (put > 0) content.remove_prefix(static_cast<std::size_t>(put));
  }
  sync(fd, path);
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

int Fd::release() {
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

Fd hold(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!fd.open()) throw_errno(errno, "open", path);
  // Not for long in the way: whoever looks whether it is held has it for a moment.
  while (flock(fd.get(), LOCK_SH) != 0) {
    if (errno != EINTR) throw_errno(errno, "lock", path);
  }
  return fd;
}

bool is_held(const std::string& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.open()) {
    if (errno == ENOENT) return false;
    throw_errno(errno, "open", path);
  }
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return false;
  if (errno != EWOULDBLOCK) throw_errno(errno, "lock", path);
  return true;
}

void throw_errno(int error, const std::string& doing, const std::string& path) {
  const std::string message = "could not " + doing + " " + path + ": " + std::strerror(error);
  if (error == ENOSPC || error == EDQUOT) throw base::Failure(base::Exit::retry, "disk_full", message);
  if (error == EACCES || error == EPERM || error == EROFS)
    throw base::Failure(base::Exit::denied, "permission", message);
  throw base::Failure(base::Exit::retry, "file_failed", message);
}

std::optional<std::string> read_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.open()) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw_errno(errno, "open", path);
  }
  std::string content;
  struct stat about {};
  if (::fstat(fd.get(), &about) == 0 && about.st_size > 0) content.reserve(static_cast<std::size_t>(about.st_size) + 1);
  char piece[64 * 1024];
  for (;;) {
    const ssize_t got = ::read(fd.get(), piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(errno, "read", path);
    if (got == 0) return content;
    content.append(piece, static_cast<std::size_t>(got));
  }
}

void sync(const Fd& fd, const std::string& path) {
  if (::fsync(fd.get()) != 0) throw_errno(errno, "sync", path);
}

void sync_folder(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.open()) throw_errno(errno, "open folder", path);
  sync(fd, path);
}

std::function<std::optional<std::string>(const std::string&)> files_beside(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  return [folder](const std::string& name) { return read_file(name.starts_with('/') ? name : folder + name); };
}

void replace_file(const std::string& path, std::string_view content) {
  Temporary temporary(beside(path));
  write_synced(temporary.path(), content, 0644);
  if (::rename(temporary.path().c_str(), path.c_str()) != 0) throw_errno(errno, "replace", path);
  temporary.keep();
  sync_folder(folder_of(path));
}

void update_file(const std::string& path, const std::function<std::string(const std::string&)>& f) {
  const std::string lock_path = path + ".lock";
  const Fd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.open()) throw_errno(errno, "open", lock_path);
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) throw_errno(errno, "lock", lock_path);
  }
  const std::string content = read_file(path).value_or("");
  const std::string changed = f(content);
  if (changed != content) replace_file(path, changed);
}

bool create_file(const std::string& path, std::string_view content) {
  const Temporary temporary(beside(path));
  write_synced(temporary.path(), content, 0644);
  if (::link(temporary.path().c_str(), path.c_str()) != 0) {
    if (errno == EEXIST) return false;
    throw_errno(errno, "create", path);
  }
  sync_folder(folder_of(path));
  return true;
}

bool place_file(const std::string& from, const std::string& to) {
  const Fd source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source.open()) throw_errno(errno, "open", from);
  sync(source, from);
  if (::link(from.c_str(), to.c_str()) == 0) {
    sync_folder(folder_of(to));
    return true;
  }
  if (errno == EEXIST) return false;
  if (errno != EXDEV && errno != EPERM && errno != EMLINK) throw_errno(errno, "create", to);
  const Temporary temporary(beside(to));
  {
    const Fd target(::open(temporary.path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!target.open()) throw_errno(errno, "create", to);
    for (;;) {
      const ssize_t sent = ::sendfile(target.get(), source.get(), nullptr, 1 << 24);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) throw_errno(errno, "write", to);
      if (sent == 0) break;
    }
    sync(target, to);
  }
  if (::link(temporary.path().c_str(), to.c_str()) != 0) {
    if (errno == EEXIST) return false;
    throw_errno(errno, "create", to);
  }
  sync_folder(folder_of(to));
  return true;
}

void make_folders(const std::string& path) {
  if (path.empty() || ::access(path.c_str(), F_OK) == 0) return;
  const std::string parent = folder_of(path);
  if (parent != path) make_folders(parent);
  if (::mkdir(path.c_str(), 0755) != 0) {
    if (errno == EEXIST) return;
    throw_errno(errno, "create folder", path);
  }
  sync_folder(parent);
}

Fd create_for_writing(const std::string& path) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.open()) throw_errno(errno, "create", path);
  return fd;
}

void remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno(errno, "remove", path);
}

}  // namespace io
