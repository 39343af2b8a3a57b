// stage: where objects lie. A store holds named objects, immutable but for house-keeping; the only thing it must promise is create-if-absent. Its kinds are a
// folder, which stands here, and buckets (s3.hpp, az.hpp, gs.hpp). Knows nothing of epochs; the log (log.hpp) stands on it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stage {

/// An object being read from its beginning.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  /// out  the next piece, valid until the next call; empty at the end
  /// err  retry/file_failed
  [[nodiscard]] virtual std::string_view read() = 0;
};

/// An object as a listing shows it. modified_us  since 1970, by the store's clock
struct Listed {
  std::string name;
  std::uint64_t bytes = 0;
  std::int64_t modified_us = 0;
  bool operator==(const Listed&) const = default;
};

/// Names are relative, `/` between parts. err of all, in a folder: retry/disk_full, retry/file_failed, denied/permission; in a bucket:
/// see s3.hpp.
class Store {
 public:
  virtual ~Store() = default;

  /// out  the whole object, or nothing when there is none of that name
  [[nodiscard]] virtual std::optional<std::string> read(const std::string& name) = 0;
  /// out  nullptr when there is no object of that name
  [[nodiscard]] virtual std::unique_ptr<ObjectReader> open(const std::string& name) = 0;
  /// out  names of all objects below a folder (any depth), sorted. A hint: it may lag behind what is there
  [[nodiscard]] virtual std::vector<std::string> list(const std::string& folder) = 0;
  /// in   after  only names behind it are wanted, and a store that can begins there; empty: all
  /// out  names directly below a folder, objects and folders alike, without the folder's own name, sorted. A hint too
  [[nodiscard]] virtual std::vector<std::string> list_one_level(const std::string& folder,
                                                                const std::string& after) = 0;
  /// Whether `after` saves anything: what is left out is not read either.
  [[nodiscard]] virtual bool lists_after() const { return false; }
  /// Gives out every object below a folder (any depth), in no order; memory does not grow with their number. A hint too
  virtual void each(const std::string& folder, const std::function<void(const Listed&)>& act) = 0;
  /// Creates an object that must not exist; durable when it returns.
  /// out  false when one of that name exists: then that one is durable
  [[nodiscard]] virtual bool put_if_absent(const std::string& name, std::string_view content) = 0;
  /// Brings a local file in as an object, durable when it returns; the file itself stays. The name bears the content's hash, so one that
  /// exists already is the same.
  virtual void place(const std::string& path, const std::string& name) = 0;
  /// House-keeping alone may do these two, and needs rights that no other program does. The first is durable when it returns; of an object
  /// that is not there the second makes no error.
  virtual void replace(const std::string& name, std::string_view content) = 0;
  virtual void remove(const std::string& name) = 0;
  /// Makes durable what was seen in a folder, whoever made it: before something is acknowledged because it was there.
  virtual void settle(const std::string& folder) = 0;
  /// Of a store that cannot create if absent: nobody else writes here, so that looking first will do. Others stay as they are.
  virtual void trust_single_writer() {}
  /// Whatever waits is given up soon after this was set, retry/stopped. Outlives the store.
  virtual void stop_when(const std::atomic<bool>& stopped) { static_cast<void>(stopped); }
  /// For messages: where this is.
  [[nodiscard]] virtual std::string where() const = 0;
};

/// A file that is no object (yet): the spool's. out  nullptr when there is none of that name
[[nodiscard]] std::unique_ptr<ObjectReader> open_local_file(const std::string& path);

/// Whether a stage is reached over a network, so that several requests at once are answered sooner. in  as open_store takes it
[[nodiscard]] bool is_remote(const std::string& stage);

/// in   stage   `file:///FOLDER` or a path, or `s3://BUCKET[/PREFIX]`, `az://CONTAINER[/PREFIX]`, `gs://BUCKET[/PREFIX]` with what the
///              environment says of it
///      create  make the folder when it is missing; else a missing one is retry/no_stage. A bucket must be there
/// err  usage/unknown_stage, those of s3_account, az_account, gs_account
[[nodiscard]] std::unique_ptr<Store> open_store(const std::string& stage, bool create);

}  // namespace stage
