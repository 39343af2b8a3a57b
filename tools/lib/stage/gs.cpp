// stage: the bucket of Google's. See gs.hpp. Nothing is ever written over, so that rights to create, read and list are enough.
#include "stage/gs.hpp"

#include <cstdlib>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "crypto/md5.hpp"
#include "stage/remote.hpp"

namespace stage {
namespace {

using base::Exit;
using base::Failure;

// Any name does, in the scope of a signature.
constexpr char kRegion[] = "auto";
// A token that begins later than now is not taken, nor one that has ended.
constexpr std::int64_t kMostAwayS = 30;

// Of a body as it is being sent.
struct Digests {
  std::string sha256;
  std::string md5;
};

Digests digests_of(const Call& call) {
  crypto::Sha256 sha256;
  crypto::Md5 md5;
  const auto add = [&](std::string_view piece) {
    sha256.add(piece);
    md5.add(piece);
  };
  if (call.file.empty()) {
    add(call.body);
  } else {
    const std::unique_ptr<ObjectReader> reader = open_local_file(call.file);
    if (!reader) throw Failure(Exit::retry, "file_failed", call.file + ": is gone");
    for (std::string_view piece = reader->read(); !piece.empty(); piece = reader->read()) add(piece);
  }
  return {crypto::hex(sha256.finish()), md5.finish_base64()};
}

class GsStore : public RemoteStore {
 public:
  GsStore(Place place, GsAccount account) : RemoteStore(std::move(place)), account_(std::move(account)) {}
  ~GsStore() override { crypto::wipe(account_.key.secret); }

  std::optional<Header> same_object(const http::Response& answer) const override {
    const auto generation = answer.headers.find("x-goog-generation");
    if (generation == answer.headers.end()) return std::nullopt;
    return Header{"x-goog-if-generation-match", generation->second};
  }

 private:
  http::Response ask_once(const Call& call) override;
  Verdict judge(const Call& call, http::Response& answer) override;
  [[noreturn]] void refuse(const Call& call, const http::Response& answer) const override;
  Listing list_page(const Page& page) override;
  bool lists_after() const override { return true; }
  Header if_absent() const override { return {"x-goog-if-generation-match", "0"}; }
  void send_file(const std::string& path, const std::string& name) override {
    static_cast<void>(ask({"PUT", name, {}, {if_absent()}, {}, path}));  // 412: somebody was faster, with the same
  }

  GsAccount account_;
};

http::Response GsStore::ask_once(const Call& call) {
  S3Request request;
  request.method = call.method;
  request.host = account_.endpoint.substr(account_.endpoint.find("://") + 3);
  request.path =
      "/" + encode_uri(place_.bucket) + "/" + (call.name.empty() ? "" : encode_path(place_.prefix + call.name));
  request.query = call.query;
  request.headers = call.headers;
  if (call.method == "PUT") {
    // The store checks it, and keeps nothing that was damaged on its way.
    Digests digests = digests_of(call);
    request.payload = std::move(digests.sha256);
    request.headers.emplace_back("content-md5", std::move(digests.md5));
  } else {
    request.payload = crypto::sha256_hex("");
  }

  http::Request sent;
  const Wiped wiped(sent);
  sent.method = call.method;
  const std::string query = encode_query(call.query);
  sent.url = account_.endpoint + request.path + (query.empty() ? "" : "?" + query);
  if (account_.bearer) {
    for (const auto& [name, value] : request.headers) sent.headers.push_back(name + ": " + value);
    sent.headers.push_back("Authorization: Bearer " + account_.bearer->at(time_s()));
  } else {
    sent.headers = sign(request, account_.key, kRegion, time_s(), kGoog4);
  }
  sent.body = call.body;
  sent.file = call.file;
  return client_.send(sent);
}

Verdict GsStore::judge(const Call& call, http::Response& answer) {
  const long status = answer.status;
  if (status >= 200 && status < 300) return Verdict::answer;
  if (status == 412 || status == 416) return Verdict::answer;
  const std::string code = error_code(answer.body);
  if (status == 404 && !call.name.empty() && code != "NoSuchBucket") return Verdict::answer;
  if (status == 401 && account_.bearer) {
    account_.bearer->forget();
    if (is_clock_away(answer, kMostAwayS)) return follow_clock(answer);
    return Verdict::adjusted;
  }
  // The answer to HEAD has no body, so it does not say why.
  const bool is_mute = call.method == "HEAD" && code.empty();
  if (status == 403 && (code == "RequestTimeTooSkewed" || (is_mute && is_clock_away(answer, kMostAwayS))))
    return follow_clock(answer);
  if (is_there_already(call, answer)) {
    answer.status = 412;
    return Verdict::answer;
  }
  return is_passing(status) || status == 409 || code == "BadDigest" ? Verdict::again : Verdict::refuse;
}

void GsStore::refuse(const Call& call, const http::Response& answer) const {
  const std::string code = error_code(answer.body);
  const std::string words = words_of(call, answer, code);
  if (code == "NoSuchBucket") {
    throw Failure(Exit::refused, "no_bucket", "there is no bucket " + place_.bucket + "; make it first");
  }
  if (answer.status == 401 || answer.status == 403) throw Failure(Exit::denied, "store_denied", words);
  if (answer.status == 501 && call.method == "PUT") refuse_unproven(words);
  throw Failure(Exit::retry, "store_answer", words);
}

Listing GsStore::list_page(const Page& page) {
  Call call{"GET", "", {{"list-type", "2"}, {"encoding-type", "url"}}};
  if (!page.prefix.empty()) call.query.emplace_back("prefix", page.prefix);
  if (!page.delimiter.empty()) call.query.emplace_back("delimiter", page.delimiter);
  if (!page.next.empty()) {
    call.query.emplace_back("continuation-token", page.next);
  } else if (!page.after.empty()) {
    call.query.emplace_back("start-after", page.after);
  }
  return parse_listing(ask(call).body);
}

}  // namespace

std::unique_ptr<Store> make_gs_store(const std::string& where, GsAccount account) {
  return std::make_unique<GsStore>(parse_place(where, "BUCKET"), std::move(account));
}

}  // namespace stage
