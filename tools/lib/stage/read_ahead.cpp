// stage: the log's next epochs in memory. See read_ahead.hpp. Names come from listings, which are hints: an epoch that they lack is read
// when it is asked for. Objects never change, so that one fetched early is the one that would be fetched now.
#include "stage/read_ahead.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "base/failure.hpp"
#include "stage/manifest.hpp"
#include "stage/quiet_thread.hpp"

namespace stage {
namespace {

constexpr std::size_t kEpochsAhead = 64;
constexpr std::uint64_t kManifestBytes = 64 * 1024;  // until it is known

// Of `SOURCE/ERA/log/FROM.json`: how long `SOURCE/ERA/` is; 0 when it is no such name.
std::size_t era_length(std::string_view name) {
  constexpr std::string_view kFolder = "/log/";
  const std::size_t at = name.rfind('/');
  if (at == std::string_view::npos || at + 1 < kFolder.size() || !name.ends_with(".json")) return 0;
  const std::size_t folder = at + 1 - kFolder.size();
  return name.substr(folder, kFolder.size()) == kFolder ? folder + 1 : 0;
}

class MemoryReader : public ObjectReader {
 public:
  explicit MemoryReader(std::shared_ptr<const std::string> bytes) : bytes_(std::move(bytes)) {}
  std::string_view read() override {
    return is_read_ ? std::string_view() : (is_read_ = true, std::string_view(*bytes_));
  }

 private:
  std::shared_ptr<const std::string> bytes_;
  bool is_read_ = false;
};

// Place in the log: the manifest's name, and within an epoch the manifest itself before its objects.
using Turn = std::pair<std::string, std::size_t>;

struct Item {
  enum class State { waiting, under_way, here };
  State state = State::waiting;
  Turn turn;
  std::uint64_t number = 0;  // of all that ever were: a name may be dropped and come again while it is fetched
  std::uint64_t charged = 0;
  std::shared_ptr<const std::string> bytes;
};

}  // namespace

struct ReadAhead::Parts {
  Parts(OpenAnother how, Wants which) : another(std::move(how)), wants(std::move(which)) {}

  OpenAnother another;
  Wants wants;
  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<bool> stopped = false;
  std::set<std::string> listed;         // full names of manifests
  std::map<std::string, Item> items;    // by full name
  std::map<Turn, std::string> waiting;  // what to fetch, in the log's order
  std::uint64_t held = 0;               // bytes charged
  std::string to_list;                  // a manifest behind which its log is to be listed; empty: none
  std::string at;                       // the manifest last asked for
  std::size_t followed = 0;             // manifests found since
  std::size_t hits = 0;
  std::uint64_t made = 0;
  std::vector<QuietThread> threads;

  // All of these with the mutex held.
  void add(const std::string& name, Turn turn, std::uint64_t bytes);
  void add_files(const std::string& name, const Epoch& epoch);
  void drop(std::map<std::string, Item>::iterator item);
  void move_to(const std::string& name);
  void extend();
  std::shared_ptr<const std::string> take(std::unique_lock<std::mutex>& lock, const std::string& name);

  void work();
  void fetch(Store& store, const std::string& name, std::unique_lock<std::mutex>& lock);
  void list(Store& store, std::unique_lock<std::mutex>& lock);
};

void ReadAhead::Parts::add(const std::string& name, Turn turn, std::uint64_t bytes) {
  const auto [item, is_new] = items.try_emplace(name);
  if (!is_new) return;
  item->second.turn = turn;
  item->second.number = ++made;
  item->second.charged = bytes;
  waiting.emplace(std::move(turn), name);
}

void ReadAhead::Parts::add_files(const std::string& name, const Epoch& epoch) {
  if (epoch.pruned) return;
  const std::string era = name.substr(0, era_length(name));
  std::size_t place = 0;
  const auto add_file = [&](const FileEntry& file) {
    if (file.bytes <= kMostObjectBytes) add(era + file.object, {name, ++place}, file.bytes);
  };
  for (const FileEntry& file : epoch.files) {
    if (wants(file.table)) add_file(file);
  }
  if (epoch.commits) add_file(*epoch.commits);
}

void ReadAhead::Parts::drop(std::map<std::string, Item>::iterator item) {
  if (item->second.state == Item::State::waiting) {
    waiting.erase(item->second.turn);
  } else {
    held -= item->second.charged;
  }
  items.erase(item);
}

// What lies before it was read, or will not be.
void ReadAhead::Parts::move_to(const std::string& name) {
  if (name == at) return;
  followed = name > at && !at.empty() ? followed + 1 : 0;
  at = name;
  for (auto item = items.begin(); item != items.end();) {
    const auto next = std::next(item);
    if (item->second.turn.first < name) drop(item);
    item = next;
  }
  extend();
  changed.notify_all();
}

void ReadAhead::Parts::extend() {
  const std::size_t era = era_length(at);
  auto next = listed.upper_bound(at);
  for (std::size_t i = 0; i < kEpochsAhead && next != listed.end(); ++i, ++next) {
    if (next->compare(0, era, at, 0, era) != 0) break;
    add(*next, {*next, 0}, kManifestBytes);
  }
  // Whoever goes from one epoch to the next may well go on; whoever finds nothing behind the first has no use for a listing.
  if (followed > 1 && listed.upper_bound(at) == listed.end()) {
    followed = 0;
    to_list = at;
  }
}

std::shared_ptr<const std::string> ReadAhead::Parts::take(std::unique_lock<std::mutex>& lock, const std::string& name) {
  auto item = items.find(name);
  if (item == items.end()) return nullptr;
  if (item->second.state == Item::State::waiting) {
    drop(item);  // sooner by ourselves
    return nullptr;
  }
  changed.wait(lock, [&] {
    item = items.find(name);
    return item == items.end() || item->second.state == Item::State::here;
  });
  if (item == items.end()) return nullptr;
  ++hits;
  return item->second.bytes;
}

void ReadAhead::Parts::work() {
  std::unique_ptr<Store> store;
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [&] {
      if (stopped || !to_list.empty()) return true;
      if (waiting.empty()) return false;
      const Item& first = items.at(waiting.begin()->second);
      return held == 0 || held + first.charged <= kMostBytes;
    });
    if (stopped) return;
    if (!store) {
      lock.unlock();
      try {
        store = another();
        store->stop_when(stopped);
      } catch (const base::Failure&) {
        return;  // the reader will meet it, and say so
      }
      lock.lock();
      continue;
    }
    if (!to_list.empty()) {
      list(*store, lock);
    } else {
      fetch(*store, waiting.begin()->second, lock);
    }
  }
}

void ReadAhead::Parts::list(Store& store, std::unique_lock<std::mutex>& lock) {
  const std::string behind = std::exchange(to_list, "");
  const std::size_t cut = behind.rfind('/');
  const std::string folder = behind.substr(0, cut);
  lock.unlock();
  std::vector<std::string> names;
  try {
    names = store.list_one_level(folder, behind.substr(cut + 1));
  } catch (const base::Failure&) {  // it was a hint
  }
  lock.lock();
  for (const std::string& name : names) listed.insert(folder + "/" + name);
  if (!names.empty()) extend();
  changed.notify_all();
}

void ReadAhead::Parts::fetch(Store& store, const std::string& the_name, std::unique_lock<std::mutex>& lock) {
  const std::string name = the_name;
  const Turn turn = waiting.begin()->first;
  waiting.erase(waiting.begin());
  Item& item = items.at(name);
  const std::uint64_t number = item.number;
  item.state = Item::State::under_way;
  held += item.charged;
  lock.unlock();
  std::shared_ptr<std::string> bytes;
  std::optional<Epoch> epoch;
  try {
    if (auto text = store.read(name)) bytes = std::make_shared<std::string>(std::move(*text));
    if (bytes && turn.second == 0) epoch = decode_epoch(*bytes);
  } catch (const base::Failure&) {  // a store's, or a manifest's: whoever reads it says so
  }
  lock.lock();
  const auto still = items.find(name);
  if (still != items.end() && still->second.number == number) {
    if (bytes) {
      held += bytes->size() - still->second.charged;
      still->second.charged = bytes->size();
      still->second.bytes = std::move(bytes);
      still->second.state = Item::State::here;
    } else {
      drop(still);
    }
    if (epoch) add_files(name, *epoch);
  }
  changed.notify_all();
}

ReadAhead::ReadAhead(Store& store, OpenAnother another, Wants wants, std::size_t connections)
    : store_(store), parts_(std::make_unique<Parts>(std::move(another), std::move(wants))) {
  for (std::size_t i = 0; i < connections; ++i) parts_->threads.emplace_back([parts = parts_.get()] { parts->work(); });
}

ReadAhead::~ReadAhead() {
  {
    const std::lock_guard lock(parts_->mutex);
    parts_->stopped = true;
  }
  parts_->changed.notify_all();
  parts_->threads.clear();
}

std::optional<std::string> ReadAhead::read(const std::string& name) {
  const bool is_manifest = era_length(name) != 0;
  {
    std::unique_lock lock(parts_->mutex);
    if (is_manifest) parts_->move_to(name);
    if (const auto bytes = parts_->take(lock, name)) return *bytes;
  }
  auto text = store_.read(name);
  if (is_manifest && text) {
    try {
      const Epoch epoch = decode_epoch(*text);
      const std::lock_guard lock(parts_->mutex);
      parts_->add_files(name, epoch);
    } catch (const base::Failure&) {  // who asked for it reads it too, and says so
    }
    parts_->changed.notify_all();
  }
  return text;
}

std::unique_ptr<ObjectReader> ReadAhead::open(const std::string& name) {
  {
    std::unique_lock lock(parts_->mutex);
    if (auto bytes = parts_->take(lock, name)) return std::make_unique<MemoryReader>(std::move(bytes));
  }
  return store_.open(name);
}

std::vector<std::string> ReadAhead::list_one_level(const std::string& folder, const std::string& after) {
  std::vector<std::string> names = store_.list_one_level(folder, after);
  if (folder.ends_with("/log")) {
    const std::lock_guard lock(parts_->mutex);
    for (const std::string& name : names) parts_->listed.insert(folder + "/" + name);
  }
  return names;
}

std::size_t ReadAhead::hits() const {
  const std::lock_guard lock(parts_->mutex);
  return parts_->hits;
}

}  // namespace stage
