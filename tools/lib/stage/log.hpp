// stage: the log of one source and era: a chain of manifests, each named by the position that it extends. Its end is found by
// following, and publishing is create-if-absent, so of two writers only one can. Knows a Store; not who reads or writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "stage/manifest.hpp"
#include "stage/store.hpp"

namespace stage {

/// A manifest as it stands in the log, with the SHA-256 of its bytes (the next one's `prev`).
struct Stored {
  Epoch epoch;
  std::string sha256;
};

class Log {
 public:
  /// in   store  outlives the log
  ///      era    of the log to follow
  Log(Store& store, std::string source, std::uint64_t era);

  /// Whose the stage is, in its newest era; nothing when nobody has written yet. err  refused/broken_stage
  [[nodiscard]] static std::optional<Identity> identity(Store& store, std::string_view source);
  /// The same of one era.
  [[nodiscard]] static std::optional<Identity> identity(Store& store, std::string_view source, std::uint64_t era);

  /// Creates source.json, or finds the one that stands.
  ///
  /// out  the identity that holds: `mine`, or what an earlier writer put, of the newest era
  [[nodiscard]] static Identity claim(Store& store, const Identity& mine);

  /// Begins an era: what the source said before is another history than what it says now.
  ///
  /// in   mine  its `era` follows on the newest one
  /// out  the identity that holds: `mine`, or what somebody else began
  [[nodiscard]] static Identity begin_era(Store& store, const Identity& mine);

  /// Follows another era from now on.
  void use_era(std::uint64_t era);

  /// Where the log begins; nothing when no epoch has been published. err  refused/broken_stage
  [[nodiscard]] std::optional<base::Lsn> start();

  /// The epoch that begins at a position.
  ///
  /// in   from  the log's start, or `to` of an epoch
  /// out  the epoch; nothing when the log ends here (so far).
  /// err  refused/gap: it is absent while a later one exists (also when `from` is no position of this log); refused/pruned: a
  ///      stub, its data are gone; refused/broken_stage: its text is no manifest or names another range, source or era
  [[nodiscard]] std::optional<Stored> next(base::Lsn from);
  /// The lost range that a position lies in, behind its beginning, or at its end; nothing when there is none. Asks for a listing.
  [[nodiscard]] std::optional<Stored> lost_around(base::Lsn position);
  /// The same as next for a writer: stubs are given out (pruned = true), and a gap is not looked for (no listing).
  [[nodiscard]] std::optional<Stored> at(base::Lsn from);

  /// Greatest listed position that is <= `most`, to begin following at; the start when nothing is listed. Nothing when the log is
  /// empty. Every listed manifest belongs to the chain, because each was created at its end.
  [[nodiscard]] std::optional<base::Lsn> near(base::Lsn most);
  /// Greatest listed position; the start when nothing is listed. Nothing when the log is empty.
  ///
  /// in   about  near which position the end may be, so that what is long before it need not be listed; nothing: nobody knows
  [[nodiscard]] std::optional<base::Lsn> last(std::optional<base::Lsn> about = std::nullopt);

  /// Creates start.json, or finds the one that stands. out  the log's start that holds
  [[nodiscard]] base::Lsn begin(base::Lsn from);
  /// Publishes an epoch whose data objects are durable: creates its manifest.
  ///
  /// in   epoch  `from` is the log's end; files named by `object`; `prev` set
  /// out  the SHA-256 of its bytes, or nothing when the log has gone on already: find the end again
  [[nodiscard]] std::optional<std::string> append(const Epoch& epoch);

  /// Says that a range is lost, where nothing stands. in  as encode_lost. out  false when a manifest stands there
  [[nodiscard]] bool append_lost(base::Lsn from, base::Lsn to, std::string_view sha256);
  /// Positions at which manifests are listed to begin, sorted; only those behind `behind`, when it is said. A hint.
  [[nodiscard]] std::vector<base::Lsn> listed(std::optional<base::Lsn> behind = std::nullopt);

  /// The chunks that were copied, sorted by table, lsn and chunk; names below the era's folder. err  refused/broken_stage
  [[nodiscard]] std::vector<std::string> chunks();
  /// The same for one table.
  [[nodiscard]] std::vector<std::string> chunks(std::string_view table);
  /// err  refused/broken_stage
  [[nodiscard]] Chunk chunk(const std::string& object);

  /// Object name as the store knows it, from a name below the era's folder (`object` of a file, what chunks() gives).
  [[nodiscard]] std::string full_name(std::string_view below_era) const { return folder_ + std::string(below_era); }
  [[nodiscard]] Store& store() const { return store_; }
  [[nodiscard]] const std::string& source() const { return source_; }
  [[nodiscard]] std::uint64_t era() const { return era_; }

 private:
  Store& store_;
  std::string source_;
  std::uint64_t era_;
  std::string folder_;  // <source>/<era>/
};

/// The lines of one stored (or spooled) file, decompressed piece by piece; memory does not grow with the file.
class LineFile {
 public:
  /// in   reader  the compressed bytes
  ///      entry   what the manifest says of them; a copy is kept
  ///      name    for messages
  LineFile(std::unique_ptr<ObjectReader> reader, FileEntry entry, std::string name);
  ~LineFile();
  LineFile(LineFile&&) noexcept;
  LineFile& operator=(LineFile&&) noexcept;

  /// Opens a file of a manifest in the stage. err  refused/object_missing
  [[nodiscard]] static LineFile open(const Log& log, const FileEntry& entry);
  /// The same for a file of the spool, by its `path`. err  retry/spool_missing
  [[nodiscard]] static LineFile open_spooled(const FileEntry& entry);

  /// in   into  the next line without its break, valid until the next call; json::kPaddingBytes may be read behind it
  /// out  false at the end, when bytes, digest and rows were what the manifest says
  /// err  refused/wrong_digest, refused/wrong_rows (counted evidence is off), refused/broken_object (no zstd, cut line): nothing that was
  ///      read from this file may be kept
  [[nodiscard]] bool next(std::string_view& into);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Reads a file of a manifest to its end without giving lines out. err  as LineFile::next
void verify(const Log& log, const FileEntry& entry);

}  // namespace stage
