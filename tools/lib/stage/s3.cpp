// stage: the bucket. See s3.hpp.
#include "stage/s3.hpp"

#include <algorithm>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "io/file.hpp"
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

class S3Store : public RemoteStore {
 public:
  S3Store(Place place, S3Account account) : RemoteStore(std::move(place)), account_(std::move(account)) {
    const bool own_endpoint = !account_.endpoint.empty();
    base_ = own_endpoint ? account_.endpoint : "https://" + place_.bucket + ".s3." + account_.region + ".amazonaws.com";
    while (base_.ends_with('/')) base_.pop_back();
    host_ = base_.substr(base_.find("://") == std::string::npos ? 0 : base_.find("://") + 3);
    root_ = own_endpoint ? "/" + encode_uri(place_.bucket) : "";
  }

  ~S3Store() override {
    crypto::wipe(account_.key.secret);
    crypto::wipe(account_.key.token);
  }

 private:
  http::Response ask_once(const Call& call) override;
  Verdict judge(const Call& call, http::Response& answer) override;
  [[noreturn]] void refuse(const Call& call, const http::Response& answer) const override;
  Listing list_page(const std::string& prefix, const std::string& delimiter, const std::string& next) override;

  S3Account account_;
  std::string base_;
  std::string host_;
  std::string root_;
};

http::Response S3Store::ask_once(const Call& call) {
  S3Request request;
  request.method = call.method;
  request.host = host_;
  request.path = root_ + "/" + (call.name.empty() ? "" : encode_path(place_.prefix + call.name));
  request.query = call.query;
  request.headers = call.headers;
  request.payload = call.file.empty() ? crypto::sha256_hex(call.body) : sha256_of_file(call.file);
  http::Request sent;
  sent.method = call.method;
  const std::string query = encode_query(request);
  sent.url = base_ + request.path + (query.empty() ? "" : "?" + query);
  sent.headers = sign(request, account_.key, account_.region, time_s());
  sent.body = call.body;
  sent.file = call.file;
  return client_.send(sent);
}

Verdict S3Store::judge(const Call& call, http::Response& answer) {
  const long status = answer.status;
  if (status >= 200 && status < 300) return Verdict::answer;
  if (status == 412 || status == 416) return Verdict::answer;
  const std::string code = error_code(answer.body);
  if (status == 404 && !call.name.empty() && code != "NoSuchBucket") return Verdict::answer;
  if (status == 403 && code == "RequestTimeTooSkewed") return follow_clock(answer);
  const bool passing =
      is_passing(status) || (status == 409 && code != "BucketAlreadyExists") || code == "RequestTimeout";
  return passing ? Verdict::again : Verdict::refuse;
}

void S3Store::refuse(const Call& call, const http::Response& answer) const {
  const std::string code = error_code(answer.body);
  const std::string words = words_of(call, answer, code);
  if (code == "NoSuchBucket")
    throw Failure(Exit::refused, "no_bucket", "there is no bucket " + place_.bucket + "; make it first");
  if (answer.status == 401 || answer.status == 403) throw Failure(Exit::denied, "store_denied", words);
  if (answer.status == 501 && call.method == "PUT" && !call.headers.empty()) refuse_unproven(words);
  throw Failure(Exit::retry, "store_answer", words);
}

Listing S3Store::list_page(const std::string& prefix, const std::string& delimiter, const std::string& next) {
  Call call{"GET", "", {{"list-type", "2"}, {"prefix", prefix}, {"encoding-type", "url"}}};
  if (!delimiter.empty()) call.query.emplace_back("delimiter", delimiter);
  if (!next.empty()) call.query.emplace_back("continuation-token", next);
  return parse_listing(ask(call).body);
}

std::string trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace

S3Account s3_account(const std::function<std::optional<std::string>(const char* name)>& variable) {
  S3Account account;
  const auto first_of = [&](std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (const auto value = variable(name); value && !value->empty()) return *value;
    }
    return std::string();
  };
  account.endpoint = first_of({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  if (const std::string region = first_of({"AWS_REGION", "AWS_DEFAULT_REGION"}); !region.empty())
    account.region = region;
  account.key = {first_of({"AWS_ACCESS_KEY_ID"}), first_of({"AWS_SECRET_ACCESS_KEY"}), first_of({"AWS_SESSION_TOKEN"})};
  if (!account.key.id.empty() && !account.key.secret.empty()) return account;

  account.key = {};
  std::string path = first_of({"AWS_SHARED_CREDENTIALS_FILE"});
  if (path.empty() && !first_of({"HOME"}).empty()) path = first_of({"HOME"}) + "/.aws/credentials";
  std::string profile = first_of({"AWS_PROFILE"});
  if (profile.empty()) profile = "default";
  std::string text = path.empty() ? "" : io::read_file(path).value_or("");
  std::string section;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string line = trimmed(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
    if (line.starts_with('[')) section = trimmed(line.substr(1, line.find(']') - 1));
    const std::size_t equals = line.find('=');
    if (section != profile || equals == std::string::npos || line.starts_with('#')) continue;
    const std::string name = trimmed(line.substr(0, equals));
    const std::string value = trimmed(line.substr(equals + 1));
    if (name == "aws_access_key_id") account.key.id = value;
    if (name == "aws_secret_access_key") account.key.secret = value;
    if (name == "aws_session_token") account.key.token = value;
  }
  crypto::wipe(text);
  if (account.key.id.empty() || account.key.secret.empty()) {
    throw Failure(
        Exit::usage, "no_credentials",
        "no key for the store: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials");
  }
  return account;
}

std::unique_ptr<Store> make_s3_store(const std::string& where, S3Account account) {
  return std::make_unique<S3Store>(parse_place(where, "BUCKET"), std::move(account));
}

}  // namespace stage
