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
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/failure.hpp"
#include "io/line_writer.hpp"

namespace io {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A name beside `path` that no other thread of any process uses.
std::string beside(const std::string& path) { return path + ".tmp." + std::to_string(::gettid()); }

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

void write_synced(const Fd& fd, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t put = ::write(fd.get(), content.data(), content.size());
    if (put < 0 && errno != EINTR) throw_errno(errno, "write", path);
    if (put > 0) content.remove_prefix(static_cast<std::size_t>(put));
  }
  sync(fd, path);
}

// A file that gets its name when it is whole; where the file system has no such, one under a temporary name.
class Unnamed {
 public:
  explicit Unnamed(const std::string& path)
      : path_(path), fd_(::open(folder_of(path).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644)) {
    if (fd_.open()) return;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) throw_errno(errno, "create", path);
    temporary_ = std::make_unique<Temporary>(beside(path));
    fd_ = Fd(::open(temporary_->path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd_.open()) throw_errno(errno, "create", path);
  }
  [[nodiscard]] const Fd& fd() const { return fd_; }
  // out  false when a file of that name exists
  [[nodiscard]] bool name() const {
    const std::string from = temporary_ ? temporary_->path() : "/proc/self/fd/" + std::to_string(fd_.get());
    if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, path_.c_str(), temporary_ ? 0 : AT_SYMLINK_FOLLOW) == 0) return true;
    if (errno != EEXIST) throw_errno(errno, "create", path_);
    return false;
  }

 private:
  std::string path_;
  Fd fd_;
  std::unique_ptr<Temporary> temporary_;
};

// The file beside `path` in which its next content is made. Locked by whoever makes it: what is not locked was left by a dead process.
//
// out  its name, empty; PATH.tmp, or one of this process's own when another is at work
struct Making {
  std::string path;
  Fd fd;
};
Making make_beside(const std::string& path) {
  for (bool own = false;;) {
    Making made{own ? beside(path) : path + ".tmp", Fd()};
    made.fd = Fd(::open(made.path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!made.fd.open()) {
      if (own || (errno != EACCES && errno != EPERM && errno != ELOOP)) throw_errno(errno, "create", made.path);
      own = true;  // another account's
      continue;
    }
    if (::flock(made.fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (own) throw_errno(errno, "lock", made.path);
      own = true;
      continue;
    }
    // Whoever had it may have given it its name between our opening and locking it: then it is this one no longer.
    struct stat mine {};
    struct stat there {};
    if (::fstat(made.fd.get(), &mine) != 0) throw_errno(errno, "look at", made.path);
    if (::stat(made.path.c_str(), &there) != 0 || mine.st_ino != there.st_ino || mine.st_dev != there.st_dev) continue;
    if (::ftruncate(made.fd.get(), 0) != 0) throw_errno(errno, "write", made.path);
    return made;
  }
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

void replace_file(const std::string& path, std::string_view content, std::optional<unsigned> mode) {
  struct stat about {};
  if (!mode && ::stat(path.c_str(), &about) == 0) mode = about.st_mode & 0777;
  const Making made = make_beside(path);
  if (mode && ::fchmod(made.fd.get(), *mode) != 0) throw_errno(errno, "write", made.path);
  Temporary temporary(made.path);
  write_synced(made.fd, made.path, content);
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
  const Unnamed made(path);
  write_synced(made.fd(), path, content);
  if (!made.name()) return false;
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
  const Unnamed made(to);
  for (;;) {
    const ssize_t sent = ::sendfile(made.fd().get(), source.get(), nullptr, 1 << 24);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) throw_errno(errno, "write", to);
    if (sent == 0) break;
  }
  sync(made.fd(), to);
  if (!made.name()) return false;
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

void make_private_folder(const std::string& path) {
  std::string folder = path;
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  make_folders(folder_of(folder));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) throw_errno(errno, "create folder", folder);
}

Fd create_for_writing(const std::string& path) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.open()) throw_errno(errno, "create", path);
  return fd;
}

Fd unnamed_file(const std::string& folder) {
  Fd fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd.open() && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    // A file system without such: the name lives for a moment.
    std::string path = folder + "/pgcdc.XXXXXX";
    fd = Fd(::mkostemp(path.data(), O_CLOEXEC));
    if (fd.open()) ::unlink(path.c_str());
  }
  if (!fd.open()) throw_errno(errno, "make a file in", folder);
  return fd;
}

void remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno(errno, "remove", path);
}

}  // namespace io
