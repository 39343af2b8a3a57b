// stage: the attempts, the pieces and the pages of a remote store. See remote.hpp. Every request may be repeated: objects are named by
// their content, and of one that is created if absent nobody asks who made it.
#include "stage/remote.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>

#include "base/failure.hpp"
#include "crypto/digest.hpp"

namespace stage {
namespace {

using base::Exit;
using base::Failure;

constexpr int kMostAttempts = 8;
constexpr int kFirstPauseMs = 200;
constexpr int kLongestPauseMs = 20'000;
constexpr int kLookMs = 100;
// To ask whether a file is there takes as long as to send one of this size, and it seldom is.
constexpr std::uint64_t kWorthAskingBytes = std::uint64_t{1024} * 1024;
constexpr std::uint64_t kPieceBytes = std::uint64_t{8} * 1024 * 1024;

std::string range(std::uint64_t from) {
  return "bytes=" + std::to_string(from) + "-" + std::to_string(from + kPieceBytes - 1);
}

std::string below(const std::string& folder) { return folder.empty() || folder.ends_with('/') ? folder : folder + "/"; }

// An object, piece after piece: each is a request of its own, so that one that breaks is repeated and no connection waits for a reader.
class RemoteReader : public ObjectReader {
 public:
  RemoteReader(RemoteStore& store, std::string name, http::Response first)
      : store_(store), name_(std::move(name)), piece_(std::move(first)), same_(store.same_object(piece_)) {}

  std::string_view read() override {
    if (is_new_) {
      is_new_ = false;
    } else {
      at_ += piece_.body.size();
      if (piece_.body.size() < kPieceBytes) return {};
      piece_ = store_.piece(name_, range(at_), same_);
      if (piece_.status == 416) piece_.body.clear();
      if (piece_.status == 404 || piece_.status == 412) {
        throw Failure(Exit::retry, "store_answer", "an object of " + store_.where() + " changed while it was read");
      }
    }
    return piece_.body;
  }

 private:
  RemoteStore& store_;
  std::string name_;
  http::Response piece_;
  std::optional<Header> same_;
  std::uint64_t at_ = 0;
  bool is_new_ = true;
};

}  // namespace

Place parse_place(const std::string& where, const std::string& bucket_word) {
  Place place;
  place.scheme = where.substr(0, where.find("://"));
  std::string_view rest = std::string_view(where).substr(std::min(place.scheme.size() + 3, where.size()));
  place.bucket = rest.substr(0, rest.find('/'));
  rest.remove_prefix(std::min(place.bucket.size() + 1, rest.size()));
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (!rest.empty()) place.prefix = std::string(rest) + "/";
  const bool plain = std::all_of(place.bucket.begin(), place.bucket.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
  if (place.bucket.size() < 3 || !plain) {
    throw Failure(Exit::usage, "unknown_stage",
                  "cannot read a stage: it is " + place.scheme + "://" + bucket_word + "/PREFIX");
  }
  return place;
}

bool is_passing(long status) { return status == 408 || status == 429 || (status >= 500 && status != 501); }

std::string error_code(std::string_view xml) {
  constexpr std::string_view kOpen = "<Code>";
  const std::size_t begin = xml.find(kOpen);
  if (begin == std::string_view::npos) return "";
  const std::size_t end = xml.find('<', begin + kOpen.size());
  if (end == std::string_view::npos) return "";
  std::string text(xml.substr(begin + kOpen.size(), end - begin - kOpen.size()));
  text.erase(
      std::remove_if(text.begin(), text.end(),
                     [](char c) { return (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9'); }),
      text.end());
  return text.substr(0, 60);
}

std::optional<std::int64_t> time_of(const http::Response& answer) {
  const auto date = answer.headers.find("date");
  std::tm parts{};
  if (date == answer.headers.end() ||
      ::strptime(date->second.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) {
    return std::nullopt;
  }
  return ::timegm(&parts);
}

std::int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Wiped::~Wiped() {
  for (std::string& header : request_.headers) crypto::wipe(header);
  crypto::wipe(request_.url);
}

std::optional<std::string> RemoteStore::read(const std::string& name) {
  http::Response answer = ask({"GET", name});
  if (answer.status == 404) return std::nullopt;
  return std::move(answer.body);
}

std::unique_ptr<ObjectReader> RemoteStore::open(const std::string& name) {
  http::Response first = piece(name, range(0), std::nullopt);
  if (first.status == 404) return nullptr;
  if (first.status == 416) first.body.clear();  // an empty object has no range
  return std::make_unique<RemoteReader>(*this, name, std::move(first));
}

http::Response RemoteStore::piece(const std::string& name, const std::string& bytes,
                                  const std::optional<Header>& same) {
  Call call{"GET", name, {}, {{"range", bytes}}};
  if (same) call.headers.push_back(*same);
  return ask(call);
}

std::optional<Header> RemoteStore::same_object(const http::Response& answer) const {
  const auto etag = answer.headers.find("etag");
  if (etag == answer.headers.end() || etag->second.empty()) return std::nullopt;
  return Header{"if-match", etag->second};
}

template <class Act>
void RemoteStore::each_page(Page page, Act act) {
  do {
    const Listing listing = list_page(page);
    act(listing);
    page.next = listing.next;
  } while (!page.next.empty());
}

std::vector<std::string> RemoteStore::list(const std::string& folder) {
  std::vector<std::string> names;
  each_page({place_.prefix + below(folder), "", "", ""}, [&](const Listing& page) {
    for (const std::string& key : page.keys) names.push_back(key.substr(place_.prefix.size()));
  });
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> RemoteStore::list_one_level(const std::string& folder, const std::string& after) {
  std::vector<std::string> names;
  const std::string prefix = place_.prefix + below(folder);
  const std::size_t cut = prefix.size();
  const auto take = [&](std::string name) {
    if (name > after) names.push_back(std::move(name));
  };
  each_page({prefix, "/", after.empty() ? "" : prefix + after, ""}, [&](const Listing& page) {
    for (const std::string& key : page.keys) take(key.substr(cut));
    for (const std::string& name : page.folders) take(name.substr(cut, name.size() - cut - 1));
  });
  std::sort(names.begin(), names.end());
  return names;
}

void RemoteStore::each(const std::string& folder, const std::function<void(const Listed&)>& act) {
  each_page({place_.prefix + below(folder), "", "", ""}, [&](const Listing& page) {
    for (Listed object : page.objects) {
      object.name.erase(0, place_.prefix.size());
      act(object);
    }
  });
}

void RemoteStore::replace(const std::string& name, std::string_view content) {
  const Call put{"PUT", name, {}, {}, content};
  // Who may create but not write over is told that it is there already.
  if (ask(put).status == 412) refuse_change(put);
}

void RemoteStore::remove(const std::string& name) {
  const Call call{"DELETE", name};
  if (ask(call).status == 412) refuse_change(call);  // somebody has a lease on it
}

void RemoteStore::refuse_change(const Call& call) const {
  throw Failure(
      Exit::denied, "store_denied",
      "the store does not let an object be written over or removed: " + call.method + " " + where() + "/" + call.name);
}

bool RemoteStore::put_if_absent(const std::string& name, std::string_view content) {
  if (is_alone_) {
    if (ask({"HEAD", name}).status == 200) return false;
    static_cast<void>(ask({"PUT", name, {}, {}, content}));
    return true;
  }
  const Call create{"PUT", name, {}, {if_absent()}, content};
  if (ask(create).status == 412) return false;
  // A store that does not know the condition creates again, and of two writers both would win: asked once, with the same bytes.
  if (!is_proven_ && ask(create).status != 412) refuse_unproven("it created an object that was there");
  is_proven_ = true;
  return true;
}

void RemoteStore::place(const std::string& path, const std::string& name) {
  // Named by its content: one that is there is the same, and was answered for when it was put.
  std::error_code error;
  const std::uint64_t bytes = std::filesystem::file_size(path, error);
  if (error) throw Failure(Exit::retry, "file_failed", "could not read " + path + ": " + error.message());
  if (bytes > kWorthAskingBytes && ask({"HEAD", name}).status == 200) return;
  send_file(path, name);
}

void RemoteStore::send_file(const std::string& path, const std::string& name) {
  static_cast<void>(ask({"PUT", name, {}, {}, {}, path}));
}

std::string RemoteStore::where() const {
  return place_.scheme + "://" + place_.bucket +
         (place_.prefix.empty() ? "" : "/" + place_.prefix.substr(0, place_.prefix.size() - 1));
}

std::string RemoteStore::words_of(const Call& call, const http::Response& answer, const std::string& code) const {
  return "the store answered " + std::to_string(answer.status) + (code.empty() ? "" : " " + code) + " to " +
         call.method + " " + where() + (call.name.empty() ? "" : "/" + call.name);
}

void RemoteStore::refuse_unproven(const std::string& words) const {
  const Header condition = if_absent();
  throw Failure(Exit::refused, "no_create_if_absent",
                "the store cannot create an object only if it is absent (" + condition.first + ": " + condition.second +
                    "): two writers could both win; " + words);
}

bool RemoteStore::is_there_already(const Call& call, const http::Response& answer) {
  return answer.status == 403 && call.method == "PUT" && ask({"HEAD", call.name}).status == 200;
}

bool RemoteStore::is_clock_away(const http::Response& answer, std::int64_t most_s) const {
  const std::optional<std::int64_t> time = time_of(answer);
  return time && std::abs(*time - time_s()) > most_s;
}

Verdict RemoteStore::follow_clock(const http::Response& answer) {
  const std::optional<std::int64_t> time = time_of(answer);
  if (!time) return Verdict::refuse;
  ahead_s_ = *time - now_s();
  return Verdict::adjusted;
}

http::Response RemoteStore::ask(const Call& call) {
  bool adjusted = false;
  for (int attempt = 1;; ++attempt) {
    std::string trouble;
    try {
      http::Response answer = ask_once(call);
      Verdict verdict = judge(call, answer);
      if (verdict == Verdict::answer) return answer;
      if (verdict == Verdict::adjusted && !adjusted) {
        adjusted = true;
        continue;
      }
      if (verdict != Verdict::again) refuse(call, answer);
      const std::string code = error_code(answer.body);
      trouble = "it answered " + std::to_string(answer.status) + (code.empty() ? "" : " " + code);
    } catch (const Failure& failure) {
      if (failure.slug != "http_failed") throw;
      trouble = failure.message;
    }
    if (attempt == kMostAttempts) {
      throw Failure(Exit::retry, "store_unavailable",
                    "could not reach " + where() + " in " + std::to_string(attempt) + " attempts: " + trouble);
    }
    pause(attempt);
  }
}

void RemoteStore::stop_when(const std::atomic<bool>& stopped) {
  stopped_ = &stopped;
  client_.stop_when(stopped);
}

void RemoteStore::pause(int attempt) {
  // Anywhere up to twice as long each time, so that many that lost one store do not come back all at once.
  const int most_ms = std::min(kLongestPauseMs, kFirstPauseMs << (attempt - 1));
  int left_ms = std::uniform_int_distribution<int>(most_ms / 4, most_ms)(random_);
  for (; left_ms > 0; left_ms -= kLookMs) {
    if (stopped_ != nullptr && *stopped_) throw Failure(Exit::retry, "stopped", "the request was given up");
    ::poll(nullptr, 0, std::min(left_ms, kLookMs));
  }
}

}  // namespace stage
