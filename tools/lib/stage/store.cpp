// stage: a folder as a store. Objects are files, made whole beside their name and linked to it; names being made are never listed.
#include "stage/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/failure.hpp"
#include "io/environment.hpp"
#include "io/file.hpp"
#include "stage/az.hpp"
#include "stage/gs.hpp"
#include "stage/s3.hpp"

namespace stage {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPieceBytes = 32 * 1024;

class FileReader : public ObjectReader {
 public:
  FileReader(io::Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)), piece_(kPieceBytes, '\0') {}

  std::string_view read() override {
    for (;;) {
      const ssize_t got = ::read(fd_.get(), piece_.data(), piece_.size());
      if (got >= 0) return {piece_.data(), static_cast<std::size_t>(got)};
      if (errno != EINTR) io::throw_errno(errno, "read", path_);
    }
  }

 private:
  io::Fd fd_;
  std::string path_;
  std::string piece_;
};

// A file of io's that has not got its name yet.
bool being_made(const std::string& name) { return name.find(".tmp.") != std::string::npos || name.ends_with(".tmp"); }

class FolderStore : public Store {
 public:
  explicit FolderStore(std::string folder) : folder_(std::move(folder)) {}

  std::optional<std::string> read(const std::string& name) override { return io::read_file(path(name)); }

  std::unique_ptr<ObjectReader> open(const std::string& name) override { return open_file(path(name)); }

  std::vector<std::string> list(const std::string& folder) override {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::recursive_directory_iterator it(path(folder), error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().lexically_relative(folder_).string();
      std::error_code ignored;
      if (it->is_regular_file(ignored) && !being_made(name)) names.push_back(name);
    }
    check(error, folder);
    std::sort(names.begin(), names.end());
    return names;
  }

  std::vector<std::string> list_one_level(const std::string& folder, const std::string& after) override {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(path(folder), error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename().string();
      if (name > after && !being_made(name)) names.push_back(name);
    }
    check(error, folder);
    std::sort(names.begin(), names.end());
    return names;
  }

  void each(const std::string& folder, const std::function<void(const Listed&)>& act) override {
    std::error_code error;
    for (fs::recursive_directory_iterator it(path(folder), error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().lexically_relative(folder_).string();
      struct stat about {};
      if (being_made(name) || ::stat(it->path().c_str(), &about) != 0 || !S_ISREG(about.st_mode)) continue;
      act({name, static_cast<std::uint64_t>(about.st_size),
           std::int64_t{about.st_mtim.tv_sec} * 1'000'000 + about.st_mtim.tv_nsec / 1000});
    }
    check(error, folder);
  }

  bool put_if_absent(const std::string& name, std::string_view content) override {
    const std::string file = path(name);
    make_folder_of(file);
    if (io::create_file(file, content)) return true;
    sync_folder_of(file);
    return false;
  }

  void place(const std::string& from, const std::string& name) override {
    const std::string file = path(name);
    make_folder_of(file);
    if (!io::place_file(from, file)) sync_folder_of(file);
  }

  void replace(const std::string& name, std::string_view content) override { io::replace_file(path(name), content); }

  // Not synced: what comes back after a power cut is found again.
  void remove(const std::string& name) override { io::remove_file(path(name)); }

  void settle(const std::string& folder) override {
    std::error_code error;
    if (fs::is_directory(path(folder), error)) io::sync_folder(path(folder));
  }

  std::string where() const override { return folder_; }

  static std::unique_ptr<ObjectReader> open_file(const std::string& file) {
    io::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.open()) {
      if (errno == ENOENT || errno == ENOTDIR) return nullptr;
      io::throw_errno(errno, "open", file);
    }
    return std::make_unique<FileReader>(std::move(fd), file);
  }

 private:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }

  static std::string folder_of(const std::string& file) { return file.substr(0, file.rfind('/')); }
  static void sync_folder_of(const std::string& file) { io::sync_folder(folder_of(file)); }
  static void make_folder_of(const std::string& file) { io::make_folders(folder_of(file)); }

  void check(const std::error_code& error, const std::string& folder) const {
    if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory) {
      io::throw_errno(error.value(), "list", path(folder));
    }
  }

  std::string folder_;
};

}  // namespace

std::unique_ptr<ObjectReader> open_local_file(const std::string& path) { return FolderStore::open_file(path); }

bool is_remote(const std::string& stage) {
  return stage.find("://") != std::string::npos && !stage.starts_with("file://");
}

std::unique_ptr<Store> open_store(const std::string& stage, bool create) {
  if (stage.starts_with("s3://")) return make_s3_store(stage, s3_account(io::variable));
  if (stage.starts_with("az://")) return make_az_store(stage, az_account(io::variable));
  if (stage.starts_with("gs://")) return make_gs_store(stage, gs_account(io::variable));
  std::string folder = stage;
  const std::size_t scheme = stage.find("://");
  if (scheme != std::string::npos) {
    if (!stage.starts_with("file:///")) {
      throw base::Failure(
          base::Exit::usage, "unknown_stage",
          "cannot use a stage at " + stage.substr(0, scheme) +
              "://; this version knows file:///FOLDER or a path, s3://BUCKET/PREFIX, az://CONTAINER/PREFIX "
              "and gs://BUCKET/PREFIX");
    }
    folder = stage.substr(std::string_view("file://").size());
  }
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  if (folder.empty()) throw base::Failure(base::Exit::usage, "unknown_stage", "the stage's folder is not named");
  if (create) io::make_folders(folder);
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    // Not yet made by its first writer, or not mounted: it may well be there next time.
    throw base::Failure(base::Exit::retry, "no_stage", "could not find a stage at " + folder);
  }
  return std::make_unique<FolderStore>(folder);
}

}  // namespace stage
