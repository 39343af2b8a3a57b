// stage: what every store that is asked over HTTP has in common: requests that may be repeated and for how long, objects read piece by
// piece, listings of many pages, and that a store is believed to create if absent only once it refused to. Knows statuses and pauses.
// Must not know how a request is signed, nor what a provider calls things: that is said by who derives from it (s3.cpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/client.hpp"
#include "stage/listing.hpp"
#include "stage/store.hpp"

namespace stage {

using Header = std::pair<std::string, std::string>;  ///< the name in small letters

/// A request as all stores have it, not signed yet.
///
/// name  of the object; empty: what is asked for is the bucket
/// file  sent instead of the body, when it names one
struct Call {
  std::string method;
  std::string name;
  std::vector<std::pair<std::string, std::string>> query = {};
  std::vector<Header> headers = {};
  std::string_view body = {};
  std::string file = {};
};

/// What is done with an answer.
///
/// answer    it says something: done, no such object (404), there already or changed (412), no such range (416)
/// again     another attempt, after a pause
/// adjusted  something was set right (a clock, a token): another attempt at once, but only one
/// refuse    it will not be otherwise
enum class Verdict { answer, again, adjusted, refuse };

/// Where a stage is within a provider: `SCHEME://BUCKET[/PREFIX]`. prefix: empty, or with / at its end
struct Place {
  std::string scheme;
  std::string bucket;
  std::string prefix;
};
/// in   bucket_word  what the provider calls it, for messages: `BUCKET`
/// err  usage/unknown_stage
[[nodiscard]] Place parse_place(const std::string& where, const std::string& bucket_word);

/// Whether another attempt may well have another answer: 408, 429, 5xx but 501.
[[nodiscard]] bool is_passing(long status);
/// The `<Code>` of an error's XML; letters and digits only, because it goes into the log. Empty: there is none.
[[nodiscard]] std::string error_code(std::string_view xml);
/// The time that a server said with its answer, as seconds since 1970; nothing when it said none.
[[nodiscard]] std::optional<std::int64_t> time_of(const http::Response& answer);
/// Seconds since 1970 by our clock.
[[nodiscard]] std::int64_t now_s();

/// Overwrites what let a request in, when it goes: its headers and its address.
class Wiped {
 public:
  explicit Wiped(http::Request& request) : request_(request) {}
  ~Wiped();
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;

 private:
  http::Request& request_;
};

class RemoteStore : public Store {
 public:
  std::optional<std::string> read(const std::string& name) override;
  std::unique_ptr<ObjectReader> open(const std::string& name) override;
  std::vector<std::string> list(const std::string& folder) override;
  std::vector<std::string> list_one_level(const std::string& folder, const std::string& after) override;
  void each(const std::string& folder, const std::function<void(const Listed&)>& act) override;
  void replace(const std::string& name, std::string_view content) override;
  void remove(const std::string& name) override;
  bool put_if_absent(const std::string& name, std::string_view content) override;
  void place(const std::string& path, const std::string& name) override;
  void trust_single_writer() override { is_alone_ = true; }
  void stop_when(const std::atomic<bool>& stopped) override;
  void settle(const std::string&) override {}  // what was seen was answered for
  std::string where() const override;

  /// in   range  of an object, `bytes=0-99`; same: the header that holds it to the object that is meant, if any
  /// out  status 404: there is none; 412: it is another by now; 416: the range lies behind its end
  http::Response piece(const std::string& name, const std::string& range, const std::optional<Header>& same);
  /// The header by which further pieces are of the object that answered.
  [[nodiscard]] virtual std::optional<Header> same_object(const http::Response& answer) const;

 protected:
  explicit RemoteStore(Place place) : place_(std::move(place)) {}

  /// Asks until there is an answer that says something, by what judge() makes of it.
  /// err  retry/store_unavailable after several attempts; those of refuse()
  http::Response ask(const Call& call);
  /// The pause before the next attempt. err  retry/stopped
  void pause(int attempt);

  /// One attempt: signs and sends. err  retry/http_failed is attempted again
  virtual http::Response ask_once(const Call& call) = 0;
  /// A provider's other ways to say a thing are put right: of an object that is there, status becomes 412.
  virtual Verdict judge(const Call& call, http::Response& answer) = 0;
  /// Throws what an answer means that judge() called a refusal.
  [[noreturn]] virtual void refuse(const Call& call, const http::Response& answer) const = 0;
  /// Which page of which listing.
  ///
  /// prefix  of names in the bucket
  /// after   a name in the bucket: those up to it need not be listed, where a provider lets one begin later; empty: all
  /// next    from the page before; empty: the first
  struct Page {
    std::string prefix;
    std::string delimiter;
    std::string after;
    std::string next;
  };
  virtual Listing list_page(const Page& page) = 0;
  /// The header by which an object is only created.
  [[nodiscard]] virtual Header if_absent() const { return {"if-none-match", "*"}; }
  /// Sends a file as an object that was not there a moment ago.
  virtual void send_file(const std::string& path, const std::string& name);

  /// `the store answered 403 AccessDenied to PUT s3://...`
  [[nodiscard]] std::string words_of(const Call& call, const http::Response& answer, const std::string& code) const;
  [[noreturn]] void refuse_change(const Call& call) const;
  [[noreturn]] void refuse_unproven(const std::string& words) const;
  /// Whether a creation was denied only because the object is there: who has no right to write over may be told so, whatever the
  /// condition says.
  bool is_there_already(const Call& call, const http::Response& answer);
  /// By the server's clock, as far as it is known.
  [[nodiscard]] std::int64_t time_s() const { return now_s() + ahead_s_; }
  /// Whether the server's clock, which it says with its answer, is further from ours than that.
  [[nodiscard]] bool is_clock_away(const http::Response& answer, std::int64_t most_s) const;
  /// Takes the server's clock for the next attempts. out  adjusted, or refuse when it said no time
  Verdict follow_clock(const http::Response& answer);

  Place place_;
  http::Client client_;

 private:
  template <class Act>
  void each_page(Page page, Act act);

  std::int64_t ahead_s_ = 0;  // the server's clock, before ours
  bool is_proven_ = false;    // it does create if absent
  bool is_alone_ = false;     // it need not
  const std::atomic<bool>* stopped_ = nullptr;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace stage
