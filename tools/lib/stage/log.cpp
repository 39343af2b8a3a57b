// stage: following and extending the log, and reading its files with their evidence counted.
#include "stage/log.hpp"

#include <algorithm>
#include <cstring>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "json/tokens.hpp"
#include "json/write.hpp"
#include "stage/names.hpp"
#include "zip/zstd.hpp"

namespace stage {
namespace {

using base::Exit;
using base::Failure;

constexpr std::string_view kSuffix = ".json";

// What stands in the stage and cannot be understood is never read past.
template <typename F>
auto understood(const std::string& name, F&& decode) {
  try {
    return decode();
  } catch (const Failure& failure) {
    if (failure.exit != Exit::data) throw;
    throw Failure(Exit::refused, "broken_stage",
                  "object " + name + " of the stage is not what it should be: " + failure.message);
  }
}

[[noreturn]] void broken(const std::string& name, const std::string& why) {
  throw Failure(Exit::refused, "broken_stage", "object " + name + " of the stage " + why);
}

std::optional<base::Lsn> position_of(std::string_view name) {
  if (name.size() != 16 + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  return base::parse_lsn(std::string(name.substr(0, 8)) + "/" + std::string(name.substr(8, 8)));
}

}  // namespace

Log::Log(Store& store, std::string source, std::uint64_t era)
    : store_(store), source_(std::move(source)), era_(era), folder_(era_folder(source_, era)) {}

void Log::use_era(std::uint64_t era) {
  era_ = era;
  folder_ = era_folder(source_, era);
}

namespace {

std::optional<Identity> identity_at(Store& store, const std::string& name) {
  const auto text = store.read(name);
  if (!text) return std::nullopt;
  return understood(name, [&] { return decode_identity(*text); });
}

}  // namespace

std::optional<Identity> Log::identity(Store& store, std::string_view source) {
  auto newest = identity_at(store, source_object(source));
  while (newest) {
    auto next = identity_at(store, source_object(source, newest->era + 1));
    if (!next) break;
    newest = std::move(next);
  }
  return newest;
}

std::optional<Identity> Log::identity(Store& store, std::string_view source, std::uint64_t era) {
  auto first = identity_at(store, source_object(source));
  if (first && first->era == era) return first;
  return identity_at(store, source_object(source, era));
}

Identity Log::claim(Store& store, const Identity& mine) {
  if (const auto standing = identity(store, mine.source)) return *standing;
  if (store.put_if_absent(source_object(mine.source), encode(mine) + "\n")) return mine;
  const auto standing = identity(store, mine.source);
  if (!standing) throw Failure(Exit::retry, "file_failed", "could not read " + source_object(mine.source) + " again");
  return *standing;
}

Identity Log::begin_era(Store& store, const Identity& mine) {
  const std::string name = source_object(mine.source, mine.era);
  if (store.put_if_absent(name, encode(mine) + "\n")) return mine;
  const auto standing = identity_at(store, name);
  if (!standing) throw Failure(Exit::retry, "file_failed", "could not read " + name + " again");
  return *standing;
}

std::optional<base::Lsn> Log::start() {
  const std::string name = full_name(kStartObject);
  const auto text = store_.read(name);
  if (!text) return std::nullopt;
  return understood(name, [&] {
    json::Tokenizer tokenizer;
    const auto from = base::parse_lsn(json::Value(tokenizer.tokens_of_copy(*text), 0).text("from"));
    if (!from) broken(name, "names no log position");
    return *from;
  });
}

base::Lsn Log::begin(base::Lsn from) {
  if (const auto standing = start()) return *standing;
  std::string text;
  json::ObjectWriter(text).number("format", change::kFormat).text("from", base::format(from)).close();
  if (store_.put_if_absent(full_name(kStartObject), text + "\n")) return from;
  const auto standing = start();
  if (!standing) throw Failure(Exit::retry, "file_failed", "could not read " + full_name(kStartObject) + " again");
  return *standing;
}

std::optional<Stored> Log::at(base::Lsn from) {
  const std::string name = full_name(log_object(from));
  const auto text = store_.read(name);
  if (!text) return std::nullopt;
  Stored stored;
  stored.epoch = understood(name, [&] { return decode_epoch(*text); });
  if (stored.epoch.from != from) broken(name, "is the manifest of another position");
  if (stored.epoch.pruned) {
    stored.sha256 = stored.epoch.stub_sha256;
    return stored;
  }
  if (stored.epoch.lost) {
    stored.sha256 = stored.epoch.stub_sha256.empty() ? crypto::sha256_hex(*text) : stored.epoch.stub_sha256;
    return stored;
  }
  if (stored.epoch.source != source_ || stored.epoch.era != era_) broken(name, "belongs to another source or era");
  stored.sha256 = crypto::sha256_hex(*text);
  return stored;
}

std::vector<base::Lsn> Log::listed(std::optional<base::Lsn> behind) {
  std::vector<base::Lsn> positions;
  const std::string last = behind ? log_object(*behind) : "";
  for (const std::string& name : store_.list_one_level(full_name("log"), last.substr(last.rfind('/') + 1))) {
    if (const auto position = position_of(name)) positions.push_back(*position);
  }
  std::sort(positions.begin(), positions.end());
  return positions;
}

std::optional<Stored> Log::lost_around(base::Lsn position) {
  const std::vector<base::Lsn> positions = listed();
  auto before = std::lower_bound(positions.begin(), positions.end(), position);
  if (before == positions.begin()) return std::nullopt;
  auto stored = at(*--before);
  if (!stored || !stored->epoch.lost || stored->epoch.to < position) return std::nullopt;
  return stored;
}

std::optional<Stored> Log::next(base::Lsn from) {
  auto stored = at(from);
  if (!stored) {
    if (listed(from).empty()) return std::nullopt;
    // It may have been published, and the next one too, between the look and the listing.
    stored = at(from);
    if (!stored) {
      throw Failure(Exit::refused, "gap",
                    "no epoch begins at " + base::format(from) +
                        " in the stage, while later ones exist; repair: cdc-run --repair")
          .at_lsn(from);
    }
  }
  if (stored->epoch.pruned) {
    throw Failure(Exit::refused, "pruned",
                  "the data of the epoch at " + base::format(from) + " were removed by house-keeping")
        .at_lsn(from);
  }
  return stored;
}

std::optional<base::Lsn> Log::near(base::Lsn most) {
  const std::optional<base::Lsn> first = start();
  if (!first || most <= *first) return first;
  // A log is long, and what is looked for is near its end: looked for further and further before `most`.
  constexpr std::uint64_t kFirstLook = std::uint64_t{64} * 1024;
  const std::uint64_t whole = most.value - first->value;
  for (std::uint64_t back = store_.lists_after() ? kFirstLook : whole;; back = back > whole / 16 ? whole : back * 16) {
    const std::vector<base::Lsn> positions = back >= whole ? listed() : listed(base::Lsn{most.value - back});
    const auto behind = std::upper_bound(positions.begin(), positions.end(), most);
    if (behind != positions.begin()) return std::max(*first, *std::prev(behind));
    if (back >= whole) return first;
  }
}

std::optional<base::Lsn> Log::last(std::optional<base::Lsn> about) {
  const std::optional<base::Lsn> from = about && store_.lists_after() ? near(*about) : start();
  if (!from) return std::nullopt;
  const std::vector<base::Lsn> positions = listed(*from);
  return positions.empty() ? from : positions.back();
}

bool Log::append_lost(base::Lsn from, base::Lsn to, std::string_view sha256) {
  return store_.put_if_absent(full_name(log_object(from)), encode_lost(from, to, sha256) + "\n");
}

std::optional<std::string> Log::append(const Epoch& epoch) {
  const std::string text = encode(epoch, Form::stored) + "\n";
  if (!store_.put_if_absent(full_name(log_object(epoch.from)), text)) return std::nullopt;
  return crypto::sha256_hex(text);
}

std::vector<std::string> Log::chunks() {
  std::vector<std::string> names;
  for (std::string& name : store_.list(full_name("copy"))) {
    if (name.ends_with(kSuffix)) names.push_back(name.substr(folder_.size()));
  }
  return names;
}

std::vector<std::string> Log::chunks(std::string_view table) {
  std::vector<std::string> names;
  for (std::string& name : store_.list(full_name("copy/" + encode_table(table)))) {
    if (name.ends_with(kSuffix)) names.push_back(name.substr(folder_.size()));
  }
  return names;
}

Chunk Log::chunk(const std::string& object) {
  const std::string name = full_name(object);
  const auto text = store_.read(name);
  if (!text) throw Failure(Exit::refused, "object_missing", "object " + name + " of the stage is missing");
  Chunk chunk = understood(name, [&] { return decode_chunk(*text); });
  if (chunk.source != source_ || chunk.era != era_) broken(name, "belongs to another source or era");
  if (chunk_object(chunk.table, chunk.lsn, chunk.chunk) != object) broken(name, "is the manifest of another chunk");
  return chunk;
}

struct LineFile::State {
  std::unique_ptr<ObjectReader> reader;
  FileEntry entry;
  std::string name;
  zip::Decompressor decompressor;
  crypto::Sha256 digest;
  std::string text;         // decompressed, from the first line not given out
  std::size_t begin = 0;    // of the next line
  std::size_t scanned = 0;  // no line break in [begin, scanned)
  std::uint64_t rows = 0;
  std::uint64_t raw_bytes = 0;
  std::uint64_t bytes = 0;
  bool at_end = false;

  [[noreturn]] void refuse(const char* slug, const std::string& what) const {
    throw Failure(Exit::refused, slug, name + ": " + what).at_table(entry.table);
  }

  // Decompresses the next piece behind what is left.
  void fill() {
    text.erase(0, begin);
    scanned -= begin;
    begin = 0;
    const std::string_view piece = reader->read();
    const std::size_t had = text.size();
    try {
      if (piece.empty()) {
        at_end = true;
        decompressor.end();
      } else {
        decompressor.add(piece, text);
      }
    } catch (const Failure& failure) {
      if (failure.exit != Exit::data) throw;
      refuse("broken_object", failure.message);
    }
    digest.add(piece);
    bytes += piece.size();
    raw_bytes += text.size() - had;
    // Whoever reads a line may look this far behind it.
    const std::size_t size = text.size();
    text.append(json::kPaddingBytes, '\0');
    text.resize(size);
  }

  void check_evidence() {
    if (bytes != entry.bytes || crypto::hex(digest.finish()) != entry.sha256) {
      refuse("wrong_digest", "bytes or SHA-256 are not what the manifest says");
    }
    if (begin != text.size()) refuse("broken_object", "the last line is cut");
    if (rows != entry.rows || raw_bytes != entry.raw_bytes) {
      refuse("wrong_rows", "holds " + std::to_string(rows) + " lines, the manifest says " + std::to_string(entry.rows));
    }
  }
};

LineFile::LineFile(std::unique_ptr<ObjectReader> reader, FileEntry entry, std::string name)
    : state_(std::make_unique<State>()) {
  state_->reader = std::move(reader);
  state_->entry = std::move(entry);
  state_->name = std::move(name);
}
LineFile::~LineFile() = default;
LineFile::LineFile(LineFile&&) noexcept = default;
LineFile& LineFile::operator=(LineFile&&) noexcept = default;

LineFile LineFile::open(const Log& log, const FileEntry& entry) {
  const std::string name = log.full_name(entry.object);
  auto reader = log.store().open(name);
  if (!reader) {
    throw Failure(Exit::refused, "object_missing", "object " + name + " of the stage is missing").at_table(entry.table);
  }
  return {std::move(reader), entry, name};
}

LineFile LineFile::open_spooled(const FileEntry& entry) {
  auto reader = open_local_file(entry.path);
  if (!reader) throw Failure(Exit::retry, "spool_missing", "could not find spool file " + entry.path);
  return {std::move(reader), entry, entry.path};
}

bool LineFile::next(std::string_view& into) {
  State& state = *state_;
  for (;;) {
    const char* const from = state.text.data() + state.scanned;
    const auto* stop = static_cast<const char*>(std::memchr(from, '\n', state.text.size() - state.scanned));
    if (stop != nullptr) {
      const auto at = static_cast<std::size_t>(stop - state.text.data());
      into = std::string_view(state.text.data() + state.begin, at - state.begin);
      state.begin = state.scanned = at + 1;
      ++state.rows;
      return true;
    }
    state.scanned = state.text.size();
    if (state.at_end) {
      state.check_evidence();
      return false;
    }
    state.fill();
  }
}

void verify(const Log& log, const FileEntry& entry) {
  LineFile file = LineFile::open(log, entry);
  std::string_view line;
  while (file.next(line)) {
  }
}

}  // namespace stage
