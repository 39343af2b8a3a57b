// io: secrets files. The mode is read from the open descriptor, so that it is the mode of what is read; a new file has its
// mode before it has content.
// Must not leave a copy of the secret in memory that it gives back, and must not show it in a message.
#include "io/secret_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/failure.hpp"
#include "io/file.hpp"
#include "io/line_writer.hpp"

namespace io {

std::string read_secret(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.open()) {
    if (errno == ENOENT || errno == ENOTDIR) throw base::Failure(base::Exit::usage, "no_file", path + ": no such file");
    throw_errno(errno, "open", path);
  }
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0) throw_errno(errno, "read", path);
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    throw base::Failure(
        base::Exit::denied, "secret_exposed",
        path + ": others than its owner have rights to it; chmod 600, and make new keys if they read it");
  }
  // Reserved once, so that no copy of the secret stays behind in memory that was given back.
  std::string content;
  content.reserve(64 * 1024);
  for (;;) {
    char piece[4096];
    const ssize_t got = ::read(fd.get(), piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(errno, "read", path);
    if (got > 0) content.append(piece, static_cast<std::size_t>(got));
    ::explicit_bzero(piece, sizeof piece);
    if (got == 0) return content;
    if (content.size() > 60 * 1024)
      throw base::Failure(base::Exit::usage, "no_file", path + ": is too long for a secrets file");
  }
}

bool create_secret(const std::string& path, std::string_view content) {
  // Created under its own name: O_EXCL refuses an existing file and does not follow a link that somebody put there.
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.open()) {
    if (errno == EEXIST) return false;
    throw_errno(errno, "create", path);
  }
  if (::fchmod(fd.get(), 0600) != 0) throw_errno(errno, "create", path);
  write_all(fd.get(), content);
  sync(fd, path);
  const std::size_t slash = path.rfind('/');
  sync_folder(slash == std::string::npos ? "." : path.substr(0, slash + 1));
  return true;
}

void replace_secret(const std::string& path, std::string_view content) {
  const std::string fresh = path + ".new";
  if (!create_secret(fresh, content)) {
    throw base::Failure(base::Exit::refused, "file_exists",
                        fresh + ": exists: somebody else changes the file now, or was killed doing so; then remove it");
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) throw_errno(errno, "replace", path);
  const std::size_t slash = path.rfind('/');
  sync_folder(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

}  // namespace io
