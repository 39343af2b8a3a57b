// stage: the bucket. See s3.hpp.
#include "stage/s3.hpp"

#include <algorithm>
#include <filesystem>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "stage/remote.hpp"

namespace stage {
namespace {

using base::Exit;
using base::Failure;

std::string sha256_of_file(const std::string& path) {
  const std::unique_ptr<ObjectReader> reader = open_local_file(path);
  if (!reader) throw Failure(Exit::retry, "file_failed", path + ": is gone");
  crypto::Sha256 digest;
  for (std::string_view piece = reader->read(); !piece.empty(); piece = reader->read()) digest.add(piece);
  return crypto::hex(digest.finish());
}

constexpr std::int64_t kMostAwayS = 600;  // of a quarter of an hour that a signature is good for
// A file as long as this goes in parts: one that breaks is not sent from its beginning again. A part is held in memory.
constexpr std::uint64_t kWholeBytes = std::uint64_t{64} * 1024 * 1024;
constexpr std::uint64_t kPartBytes = std::uint64_t{16} * 1024 * 1024;
constexpr std::uint64_t kMostParts = 10'000;

bool has_query(const Call& call, std::string_view name) {
  return std::any_of(call.query.begin(), call.query.end(), [&](const auto& pair) { return pair.first == name; });
}

// Neither name ends a line of XML early: they are of digits, letters and punctuation.
std::string element(std::string_view xml, const std::string& name) {
  const std::string open = "<" + name + ">";
  const std::size_t begin = xml.find(open);
  if (begin == std::string_view::npos) return "";
  const std::size_t from = begin + open.size();
  return std::string(xml.substr(from, xml.find('<', from) - from));
}

class S3Store : public RemoteStore {
 public:
  S3Store(Place place, S3Account account) : RemoteStore(std::move(place)), account_(std::move(account)) {
    using Addressing = S3Account::Addressing;
    std::string url = account_.endpoint;
    if (url.empty()) url = "https://s3." + account_.region + "." + aws_domain(account_.region);
    while (url.ends_with('/')) url.pop_back();
    // No certificate is for a bucket with points in its name.
    const bool points = place_.bucket.find('.') != std::string::npos;
    Addressing where = account_.addressing;
    if (where == Addressing::usual) where = account_.endpoint.empty() && !points ? Addressing::host : Addressing::path;
    const std::size_t begin = url.find("://") == std::string::npos ? 0 : url.find("://") + 3;
    const std::size_t end = std::min(url.find('/', begin), url.size());
    host_ = url.substr(begin, end - begin);
    root_ = url.substr(end);
    if (where == Addressing::host) host_ = place_.bucket + "." + host_;
    if (where == Addressing::path) root_ += "/" + encode_uri(place_.bucket);
    const std::string scheme = url.substr(0, begin);
    origin_ = scheme + host_;
    // A port that goes without saying is not said in the Host header, which is signed.
    for (const auto& [usual, port] : {std::pair("https://", ":443"), std::pair("http://", ":80")}) {
      if (scheme == usual && host_.ends_with(port)) host_.resize(host_.rfind(':'));
    }
  }

  ~S3Store() override {
    crypto::wipe(account_.key.secret);
    crypto::wipe(account_.key.token);
  }

 private:
  http::Response ask_once(const Call& call) override;
  Verdict judge(const Call& call, http::Response& answer) override;
  [[noreturn]] void refuse(const Call& call, const http::Response& answer) const override;
  Listing list_page(const Page& page) override;
  bool lists_after() const override { return true; }
  void send_file(const std::string& path, const std::string& name) override;
  bool send_parts(ObjectReader& file, std::uint64_t bytes, const std::string& name, const std::string& upload);

  S3Account account_;
  std::string origin_;  // https://HOST[:PORT]
  std::string host_;    // as the Host header has it
  std::string root_;
};

http::Response S3Store::ask_once(const Call& call) {
  S3Request request;
  request.method = call.method;
  request.host = host_;
  request.path = root_ + "/" + (call.name.empty() ? "" : encode_path(place_.prefix + call.name));
  request.query = call.query;
  request.headers = call.headers;
  const bool makes_object = (call.method == "PUT" && !has_query(call, "partNumber")) || has_query(call, "uploads");
  if (makes_object && !call.name.empty() && !account_.sse.empty()) {
    request.headers.emplace_back("x-amz-server-side-encryption", account_.sse);
    if (!account_.sse_key_id.empty()) {
      request.headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", account_.sse_key_id);
    }
  }
  request.payload = call.file.empty() ? crypto::sha256_hex(call.body) : sha256_of_file(call.file);
  http::Request sent;
  sent.method = call.method;
  const std::string query = encode_query(request);
  sent.url = origin_ + request.path + (query.empty() ? "" : "?" + query);
  sent.headers =
      sign(request, account_.credentials ? account_.credentials->key() : account_.key, account_.region, time_s());
  sent.body = call.body;
  sent.file = call.file;
  return client_.send(sent);
}

Verdict S3Store::judge(const Call& call, http::Response& answer) {
  const long status = answer.status;
  // An upload of parts is put together while its answer is under way, and what went wrong then stands in its body.
  if (status == 200 && call.method == "POST" && answer.body.find("<Error>") != std::string::npos) return Verdict::again;
  if (status >= 200 && status < 300) return Verdict::answer;
  if (status == 412 || status == 416) return Verdict::answer;
  const std::string code = error_code(answer.body);
  if (status == 404 && !call.name.empty() && code != "NoSuchBucket") return Verdict::answer;
  // The answer to HEAD has no body, so it does not say why.
  const bool is_mute = call.method == "HEAD" && code.empty() && (status == 400 || status == 403);
  if (status == 403 && (code == "RequestTimeTooSkewed" || (is_mute && is_clock_away(answer, kMostAwayS))))
    return follow_clock(answer);
  if ((code == "ExpiredToken" || is_mute) && account_.credentials && account_.credentials->renew())
    return Verdict::adjusted;
  // What came was not what was sent: the next time it may be.
  const bool altered = code == "XAmzContentSHA256Mismatch" || code == "BadDigest" || code == "IncompleteBody";
  const bool passing =
      altered || is_passing(status) || (status == 409 && code != "BucketAlreadyExists") || code == "RequestTimeout";
  return passing ? Verdict::again : Verdict::refuse;
}

void S3Store::refuse(const Call& call, const http::Response& answer) const {
  const std::string code = error_code(answer.body);
  const std::string words = words_of(call, answer, code);
  if (code == "NoSuchBucket")
    throw Failure(Exit::refused, "no_bucket", "there is no bucket " + place_.bucket + "; make it first");
  if (code == "ExpiredToken" || answer.status == 401 || answer.status == 403)
    throw Failure(Exit::denied, "store_denied", words);
  if (answer.status == 501 && call.method == "PUT" && !call.headers.empty()) refuse_unproven(words);
  throw Failure(Exit::retry, "store_answer", words);
}

Listing S3Store::list_page(const Page& page) {
  Call call{"GET", "", {{"list-type", "2"}, {"prefix", page.prefix}, {"encoding-type", "url"}}};
  if (!page.delimiter.empty()) call.query.emplace_back("delimiter", page.delimiter);
  if (!page.next.empty()) {
    call.query.emplace_back("continuation-token", page.next);
  } else if (!page.after.empty()) {
    call.query.emplace_back("start-after", page.after);
  }
  return parse_listing(ask(call).body);
}

void S3Store::send_file(const std::string& path, const std::string& name) {
  std::error_code error;
  const std::uint64_t bytes = std::filesystem::file_size(path, error);
  if (error) throw Failure(Exit::retry, "file_failed", "could not read " + path + ": " + error.message());
  if (bytes <= kWholeBytes) return RemoteStore::send_file(path, name);
  const std::unique_ptr<ObjectReader> file = open_local_file(path);
  if (!file) throw Failure(Exit::retry, "file_failed", path + ": is gone");
  const std::string upload = element(ask({"POST", name, {{"uploads", ""}}}).body, "UploadId");
  if (upload.empty()) throw Failure(Exit::retry, "store_answer", "the store began an upload without a name for it");
  try {
    if (send_parts(*file, bytes, name, upload)) return;
  } catch (const Failure&) {
    // What was sent costs until it is taken back. What a kill leaves, the bucket's own rules have to remove.
    try {
      static_cast<void>(ask({"DELETE", name, {{"uploadId", upload}}}));
    } catch (const Failure&) {  // the first trouble is the one to tell
    }
    throw;
  }
  throw Failure(Exit::retry, "store_answer", "an upload to " + where() + " was taken back by somebody else");
}

// out  false: the store knows nothing of the upload
bool S3Store::send_parts(ObjectReader& file, std::uint64_t bytes, const std::string& name, const std::string& upload) {
  const std::uint64_t part_bytes = std::max(kPartBytes, bytes / kMostParts + 1);
  std::string list = "<CompleteMultipartUpload>";
  std::string part;
  std::uint64_t number = 0;
  for (bool at_end = false; !at_end;) {
    const std::string_view piece = file.read();
    part.append(piece);
    at_end = piece.empty();
    if (part.empty() || (part.size() < part_bytes && !at_end)) continue;
    ++number;
    const Call call{"PUT", name, {{"partNumber", std::to_string(number)}, {"uploadId", upload}}, {}, part};
    const http::Response answer = ask(call);
    const auto etag = answer.headers.find("etag");
    if (answer.status == 404) return false;
    if (etag == answer.headers.end())
      throw Failure(Exit::retry, "store_answer", "the store took a part without saying which");
    list += "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" + etag->second + "</ETag></Part>";
    part.clear();
  }
  list += "</CompleteMultipartUpload>";
  if (ask({"POST", name, {{"uploadId", upload}}, {}, list}).status != 404) return true;
  // Also what a store says whose first answer was lost: then the object is there.
  const http::Response head = ask({"HEAD", name});
  const auto length = head.headers.find("content-length");
  return head.status == 200 && length != head.headers.end() && length->second == std::to_string(bytes);
}

}  // namespace

S3Account s3_account(const Variable& variable) {
  const auto first_of = [&](std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (const auto value = variable(name); value && !value->empty()) return *value;
    }
    return std::string();
  };
  const AwsProfile profile = aws_profile(variable);
  const auto of = [&](std::string_view name) {
    const auto at = profile.find(name);
    return at == profile.end() ? std::string() : at->second;
  };
  S3Account account;
  account.endpoint = first_of({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  if (account.endpoint.empty() && first_of({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}) != "true") {
    account.endpoint = of("endpoint_url");
  }
  std::string region = first_of({"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (region.empty()) region = of("region");
  if (!region.empty()) account.region = region;
  const std::string addressing = first_of({"PGCDC_S3_ADDRESSING"});
  if (addressing == "path") account.addressing = S3Account::Addressing::path;
  if (addressing == "host") account.addressing = S3Account::Addressing::host;
  account.sse = first_of({"PGCDC_S3_SSE"});
  account.sse_key_id = first_of({"PGCDC_S3_SSE_KMS_KEY_ID"});
  if (!addressing.empty() && account.addressing == S3Account::Addressing::usual) {
    throw Failure(Exit::usage, "bad_value", "PGCDC_S3_ADDRESSING is neither path nor host");
  }
  const bool by_kms = account.sse == "aws:kms" || account.sse == "aws:kms:dsse";
  if ((!account.sse.empty() && account.sse != "AES256" && !by_kms) || (!account.sse_key_id.empty() && !by_kms)) {
    throw Failure(
        Exit::usage, "bad_value",
        "PGCDC_S3_SSE is AES256, aws:kms or aws:kms:dsse, and PGCDC_S3_SSE_KMS_KEY_ID is a key of the latter two");
  }
  account.credentials = std::make_shared<AwsCredentials>(variable, account.region, &now_s);
  account.key = account.credentials->key();
  return account;
}

std::unique_ptr<Store> make_s3_store(const std::string& where, S3Account account) {
  return std::make_unique<S3Store>(parse_place(where, "BUCKET"), std::move(account));
}

}  // namespace stage
