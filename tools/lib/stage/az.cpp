// stage: the container. See az.hpp. Nothing is ever written over, so that rights to create, read and list are enough.
#include "stage/az.hpp"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "crypto/md5.hpp"
#include "stage/remote.hpp"
#include "stage/shared_key.hpp"
#include "stage/sigv4.hpp"

namespace stage {
namespace {

using base::Exit;
using base::Failure;

constexpr char kVersion[] = "2021-12-02";
constexpr std::uint64_t kMostAtOnceBytes = std::uint64_t{256} * 1024 * 1024;
constexpr std::size_t kBlockBytes = std::size_t{16} * 1024 * 1024;
// A server refuses what is signed for a time further away than a quarter of an hour.
constexpr std::int64_t kMostAwayS = 600;

// Sun, 06 Nov 1994 08:49:37 GMT
std::string date_of(std::int64_t time_s) {
  const std::time_t time = time_s;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[64];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text;
}

// Of a file as it is being sent: its size and its MD5.
struct Content {
  std::uint64_t bytes = 0;
  std::string md5;
};

template <class Act>
void each_piece(const std::string& path, Act act) {
  const std::unique_ptr<ObjectReader> reader = open_local_file(path);
  if (!reader) throw Failure(Exit::retry, "file_failed", path + ": is gone");
  for (std::string_view piece = reader->read(); !piece.empty(); piece = reader->read()) act(piece);
}

Content content_of(const Call& call) {
  Content content;
  crypto::Md5 md5;
  const auto add = [&](std::string_view piece) {
    content.bytes += piece.size();
    md5.add(piece);
  };
  if (call.file.empty()) {
    add(call.body);
  } else {
    each_piece(call.file, add);
  }
  content.md5 = md5.finish_base64();
  return content;
}

// All of one blob have the same length. A writer of the same content names its blocks the same.
std::string block_id(std::size_t number) {
  std::string digits = std::to_string(number);
  digits.insert(0, 8 - digits.size(), '0');
  std::string id;
  base::append_base64(id, digits);
  return id;
}

class AzStore : public RemoteStore {
 public:
  AzStore(Place place, AzAccount account)
      : RemoteStore(std::move(place)), account_(std::move(account)), host_end_(end_of_host(account_.endpoint)) {}

  ~AzStore() override {
    crypto::wipe(account_.key);
    crypto::wipe(account_.sas);
  }

 private:
  static std::size_t end_of_host(const std::string& endpoint) {
    const std::size_t scheme = endpoint.find("://");
    return std::min(endpoint.find('/', scheme == std::string::npos ? 0 : scheme + 3), endpoint.size());
  }

  static std::string code_of(const http::Response& answer) {
    // The answer to HEAD has no body.
    const auto header = answer.headers.find("x-ms-error-code");
    return error_code(header == answer.headers.end() ? answer.body : "<Code>" + header->second + "</Code>");
  }

  http::Response ask_once(const Call& call) override;
  Verdict judge(const Call& call, http::Response& answer) override;
  [[noreturn]] void refuse(const Call& call, const http::Response& answer) const override;
  Listing list_page(const Page& page) override;
  void send_file(const std::string& path, const std::string& name) override;

  AzAccount account_;
  std::size_t host_end_;
};

http::Response AzStore::ask_once(const Call& call) {
  AzRequest request;
  request.method = call.method;
  request.account = account_.name;
  request.path = account_.endpoint.substr(host_end_) + "/" + encode_uri(place_.bucket) +
                 (call.name.empty() ? "" : "/" + encode_path(place_.prefix + call.name));
  request.query = call.query;
  request.headers = call.headers;
  request.headers.emplace_back("x-ms-version", kVersion);
  request.headers.emplace_back("x-ms-date", date_of(time_s()));
  if (call.method == "PUT") {
    // The store checks it, and keeps nothing that was damaged on its way.
    const Content content = content_of(call);
    request.bytes = content.bytes;
    request.headers.emplace_back("content-md5", content.md5);
    if (call.query.empty()) request.headers.emplace_back("x-ms-blob-type", "BlockBlob");
  }

  http::Request sent;
  const Wiped wiped(sent);
  sent.method = call.method;
  std::string query = encode_query(call.query);
  if (!account_.sas.empty()) query += (query.empty() ? "" : "&") + account_.sas;
  sent.url = account_.endpoint.substr(0, host_end_) + request.path + (query.empty() ? "" : "?" + query);
  for (const auto& [name, value] : request.headers) sent.headers.push_back(name + ": " + value);
  if (!account_.key.empty()) sent.headers.push_back("Authorization: " + shared_key(request, account_.key));
  if (account_.bearer) sent.headers.push_back("Authorization: Bearer " + account_.bearer->at(time_s()));
  sent.body = call.body;
  sent.file = call.file;
  return client_.send(sent);
}

Verdict AzStore::judge(const Call& call, http::Response& answer) {
  const long status = answer.status;
  if (status >= 200 && status < 300) return Verdict::answer;
  const std::string code = code_of(answer);
  if (status == 404 && !call.name.empty() && code != "ContainerNotFound") return Verdict::answer;
  if (code == "BlobAlreadyExists") answer.status = 412;
  if (answer.status == 412 || status == 416) return Verdict::answer;
  if (status == 401 && account_.bearer) {
    account_.bearer->forget();
    return Verdict::adjusted;
  }
  if (status == 403 && !account_.key.empty() && is_clock_away(answer, kMostAwayS)) return follow_clock(answer);
  if (is_there_already(call, answer)) {
    answer.status = 412;
    return Verdict::answer;
  }
  // 409: the container is being removed, or the blob is being written by somebody else.
  return is_passing(status) || status == 409 || code == "Md5Mismatch" ? Verdict::again : Verdict::refuse;
}

void AzStore::refuse(const Call& call, const http::Response& answer) const {
  const std::string code = code_of(answer);
  const std::string words = words_of(call, answer, code);
  if (code == "ContainerNotFound" || code == "ResourceNotFound") {
    throw Failure(Exit::refused, "no_bucket", "there is no container " + place_.bucket + "; make it first");
  }
  if (answer.status == 401 || answer.status == 403) throw Failure(Exit::denied, "store_denied", words);
  if (answer.status == 501 && call.method == "PUT" && !call.headers.empty()) refuse_unproven(words);
  throw Failure(Exit::retry, "store_answer", words);
}

// A listing cannot begin at a name: a marker is what the store gave out.
Listing AzStore::list_page(const Page& page) {
  Call call{"GET", "", {{"restype", "container"}, {"comp", "list"}, {"maxresults", "5000"}}};
  if (!page.prefix.empty()) call.query.emplace_back("prefix", page.prefix);
  if (!page.delimiter.empty()) call.query.emplace_back("delimiter", page.delimiter);
  if (!page.next.empty()) call.query.emplace_back("marker", page.next);
  return parse_listing(ask(call).body, kAzForm);
}

void AzStore::send_file(const std::string& path, const std::string& name) {
  std::uint64_t bytes = 0;
  each_piece(path, [&](std::string_view piece) { bytes += piece.size(); });
  if (bytes <= kMostAtOnceBytes) {
    static_cast<void>(ask({"PUT", name, {}, {if_absent()}, {}, path}));  // 412: somebody was faster, with the same
    return;
  }
  std::string list = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
  std::string block;
  std::size_t number = 0;
  const auto send = [&] {
    const std::string id = block_id(number++);
    static_cast<void>(ask({"PUT", name, {{"comp", "block"}, {"blockid", id}}, {}, block}));
    list += "<Latest>" + id + "</Latest>";
    block.clear();
  };
  each_piece(path, [&](std::string_view piece) {
    block.append(piece);
    if (block.size() >= kBlockBytes) send();
  });
  if (!block.empty()) send();
  list += "</BlockList>";
  static_cast<void>(ask({"PUT", name, {{"comp", "blocklist"}}, {if_absent()}, list}));
}

}  // namespace

std::unique_ptr<Store> make_az_store(const std::string& where, AzAccount account) {
  return std::make_unique<AzStore>(parse_place(where, "CONTAINER"), std::move(account));
}

}  // namespace stage
