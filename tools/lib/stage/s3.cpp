// stage: the bucket. See s3.hpp. Every request may be repeated: objects are named by their content, and of one that is created if absent
// nobody asks who made it.
#include "stage/s3.hpp"

#include <expat.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <random>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "http/client.hpp"
#include "io/file.hpp"

namespace stage {
namespace {

using base::Exit;
using base::Failure;

constexpr int kMostAttempts = 8;
constexpr int kFirstPauseMs = 200;
constexpr int kLongestPauseMs = 20'000;
constexpr std::uint64_t kPieceBytes = std::uint64_t{8} * 1024 * 1024;

std::int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string sha256_of_file(const std::string& path) {
  const std::unique_ptr<ObjectReader> reader = open_local_file(path);
  if (!reader) throw Failure(Exit::retry, "file_failed", path + ": is gone");
  crypto::Sha256 digest;
  for (std::string_view piece = reader->read(); !piece.empty(); piece = reader->read()) digest.add(piece);
  return crypto::hex(digest.finish());
}

// The text of one element of an error's XML, `<Code>AccessDenied</Code>`; names and codes of S3 need no decoding.
std::string element(std::string_view xml, std::string_view name) {
  const std::string open = "<" + std::string(name) + ">";
  const std::size_t begin = xml.find(open);
  if (begin == std::string_view::npos) return "";
  const std::size_t end = xml.find('<', begin + open.size());
  if (end == std::string_view::npos) return "";
  std::string text(xml.substr(begin + open.size(), end - begin - open.size()));
  // It goes into the log: a code is letters.
  text.erase(
      std::remove_if(text.begin(), text.end(),
                     [](char c) { return (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9'); }),
      text.end());
  return text.substr(0, 60);
}

std::string decode_uri(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      decoded.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
      i += 2;
    } else {
      decoded.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return decoded;
}

// What expat's functions are given.
struct ListingParser {
  S3Listing listing;
  std::string path;  // of the open elements, `/ListBucketResult/Contents/Key`
  std::string text;
};

void XMLCALL open_element(void* data, const XML_Char* name, const XML_Char**) {
  auto* parser = static_cast<ListingParser*>(data);
  parser->path.append("/").append(name);
  parser->text.clear();
}

void XMLCALL take_text(void* data, const XML_Char* text, int size) {
  static_cast<ListingParser*>(data)->text.append(text, static_cast<std::size_t>(size));
}

void XMLCALL close_element(void* data, const XML_Char*) {
  auto* parser = static_cast<ListingParser*>(data);
  if (parser->path == "/ListBucketResult/Contents/Key") {
    parser->listing.keys.push_back(decode_uri(parser->text));
  } else if (parser->path == "/ListBucketResult/CommonPrefixes/Prefix") {
    parser->listing.folders.push_back(decode_uri(parser->text));
  } else if (parser->path == "/ListBucketResult/NextContinuationToken") {
    parser->listing.next = parser->text;
  }
  parser->path.resize(parser->path.rfind('/'));
}

class S3Store : public Store {
 public:
  S3Store(std::string bucket, std::string prefix, S3Account account)
      : bucket_(std::move(bucket)), prefix_(std::move(prefix)), account_(std::move(account)) {
    const bool own_endpoint = !account_.endpoint.empty();
    base_ = own_endpoint ? account_.endpoint : "https://" + bucket_ + ".s3." + account_.region + ".amazonaws.com";
    while (base_.ends_with('/')) base_.pop_back();
    host_ = base_.substr(base_.find("://") == std::string::npos ? 0 : base_.find("://") + 3);
    root_ = own_endpoint ? "/" + encode_uri(bucket_) : "";
  }

  ~S3Store() override {
    crypto::wipe(account_.key.secret);
    crypto::wipe(account_.key.token);
  }

  std::optional<std::string> read(const std::string& name) override {
    http::Response answer = ask({"GET", name, {}, {}, {}, {}});
    if (answer.status == 404) return std::nullopt;
    return std::move(answer.body);
  }

  std::unique_ptr<ObjectReader> open(const std::string& name) override;

  std::vector<std::string> list(const std::string& folder) override {
    std::vector<std::string> names;
    each_page(folder, "", [&](const S3Listing& page) {
      for (const std::string& key : page.keys) names.push_back(key.substr(prefix_.size()));
    });
    std::sort(names.begin(), names.end());
    return names;
  }

  std::vector<std::string> list_one_level(const std::string& folder) override {
    std::vector<std::string> names;
    const std::size_t cut = prefix_.size() + below(folder).size();
    each_page(folder, "/", [&](const S3Listing& page) {
      for (const std::string& key : page.keys) names.push_back(key.substr(cut));
      for (const std::string& name : page.folders) names.push_back(name.substr(cut, name.size() - cut - 1));
    });
    std::sort(names.begin(), names.end());
    return names;
  }

  bool put_if_absent(const std::string& name, std::string_view content) override {
    const Call create{"PUT", name, {}, {{"if-none-match", "*"}}, content, {}};
    if (ask(create).status == 412) return false;
    // A store that does not know the condition creates again, and of two writers both would win: asked once, with the same bytes.
    if (!is_proven_ && ask(create).status != 412) refuse_unproven("it created an object that was there");
    is_proven_ = true;
    return true;
  }

  void place(const std::string& path, const std::string& name) override {
    // Named by its content: one that is there is the same, and was answered for when it was put.
    if (ask({"HEAD", name, {}, {}, {}, {}}).status == 200) return;
    static_cast<void>(ask({"PUT", name, {}, {}, {}, path}));
  }

  void settle(const std::string&) override {}  // what was seen was answered for

  std::string where() const override {
    return "s3://" + bucket_ + (prefix_.empty() ? "" : "/" + prefix_.substr(0, prefix_.size() - 1));
  }

  /// in   range  of an object, `bytes=0-99`; etag: of the object that is meant, empty: whichever it is
  /// out  status 404: there is none; 416: the range lies behind its end
  http::Response piece(const std::string& name, const std::string& range, const std::string& etag) {
    std::vector<std::pair<std::string, std::string>> headers{{"range", range}};
    if (!etag.empty()) headers.emplace_back("if-match", etag);
    return ask({"GET", name, {}, std::move(headers), {}, {}});
  }

 private:
  struct Call {
    std::string method;
    std::string name;  // below the prefix; empty: the bucket
    std::vector<std::pair<std::string, std::string>> query;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string_view body;
    std::string file;
  };

  static std::string below(const std::string& folder) {
    return folder.empty() || folder.ends_with('/') ? folder : folder + "/";
  }

  template <class Act>
  void each_page(const std::string& folder, const std::string& delimiter, Act act) {
    std::string next;
    do {
      Call call{"GET", "", {{"list-type", "2"}, {"prefix", prefix_ + below(folder)}, {"encoding-type", "url"}},
                {},    {}, {}};
      if (!delimiter.empty()) call.query.emplace_back("delimiter", delimiter);
      if (!next.empty()) call.query.emplace_back("continuation-token", next);
      const S3Listing page = parse_listing(ask(call).body);
      act(page);
      next = page.next;
    } while (!next.empty());
  }

  // Asks until there is an answer that says something: done, 404 (of an object), 412, 416.
  http::Response ask(const Call& call);
  http::Response ask_once(const Call& call);
  [[noreturn]] void refuse(const Call& call, const http::Response& answer) const;
  [[noreturn]] void refuse_unproven(const std::string& words) const;

  std::string bucket_;
  std::string prefix_;  // empty, or with / at its end
  S3Account account_;
  std::string base_;
  std::string host_;
  std::string root_;
  std::int64_t ahead_s_ = 0;  // the server's clock, before ours
  bool is_proven_ = false;    // it does create if absent
  http::Client client_;
  std::minstd_rand random_{std::random_device{}()};
};

http::Response S3Store::ask_once(const Call& call) {
  S3Request request;
  request.method = call.method;
  request.host = host_;
  request.path = root_ + "/" + (call.name.empty() ? "" : encode_path(prefix_ + call.name));
  request.query = call.query;
  request.headers = call.headers;
  request.payload = call.file.empty() ? crypto::sha256_hex(call.body) : sha256_of_file(call.file);
  http::Request sent;
  sent.method = call.method;
  const std::string query = encode_query(request);
  sent.url = base_ + request.path + (query.empty() ? "" : "?" + query);
  sent.headers = sign(request, account_.key, account_.region, now_s() + ahead_s_);
  sent.body = call.body;
  sent.file = call.file;
  return client_.send(sent);
}

void S3Store::refuse(const Call& call, const http::Response& answer) const {
  const std::string code = element(answer.body, "Code");
  const std::string words = "the store answered " + std::to_string(answer.status) + (code.empty() ? "" : " " + code) +
                            " to " + call.method + " " + where() + (call.name.empty() ? "" : "/" + call.name);
  if (code == "NoSuchBucket")
    throw Failure(Exit::refused, "no_bucket", "there is no bucket " + bucket_ + "; make it first");
  if (answer.status == 401 || answer.status == 403) throw Failure(Exit::denied, "store_denied", words);
  if (answer.status == 501 && call.method == "PUT" && !call.headers.empty()) {
    refuse_unproven(words);
  }
  throw Failure(Exit::retry, "store_answer", words);
}

void S3Store::refuse_unproven(const std::string& words) const {
  throw Failure(
      Exit::refused, "no_create_if_absent",
      "the store cannot create an object only if it is absent (If-None-Match): two writers could both win; " + words);
}

http::Response S3Store::ask(const Call& call) {
  bool adjusted = false;
  for (int attempt = 1;; ++attempt) {
    std::string trouble;
    try {
      http::Response answer = ask_once(call);
      const long status = answer.status;
      const std::string code = status >= 300 ? element(answer.body, "Code") : "";
      if (status >= 200 && status < 300) return answer;
      if (status == 404 && !call.name.empty() && code != "NoSuchBucket") return answer;
      if (status == 412 || status == 416) return answer;
      if (status == 403 && code == "RequestTimeTooSkewed" && !adjusted) {
        // Signed anew by the server's clock.
        std::tm parts{};
        if (::strptime(answer.headers["date"].c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) != nullptr) {
          ahead_s_ = ::timegm(&parts) - now_s();
          adjusted = true;
          continue;
        }
      }
      const bool passing = status == 408 || status == 429 || (status >= 500 && status != 501) ||
                           (status == 409 && code != "BucketAlreadyExists") || code == "RequestTimeout";
      if (!passing) refuse(call, answer);
      trouble = "it answered " + std::to_string(status) + (code.empty() ? "" : " " + code);
    } catch (const Failure& failure) {
      if (failure.slug != "http_failed") throw;
      trouble = failure.message;
    }
    if (attempt == kMostAttempts) {
      throw Failure(Exit::retry, "store_unavailable",
                    "could not reach " + where() + " in " + std::to_string(attempt) + " attempts: " + trouble);
    }
    // Anywhere up to twice as long each time, so that many that lost one store do not come back all at once.
    const int most_ms = std::min(kLongestPauseMs, kFirstPauseMs << (attempt - 1));
    ::poll(nullptr, 0, std::uniform_int_distribution<int>(most_ms / 4, most_ms)(random_));
  }
}

// An object, piece after piece: each is a request of its own, so that one that breaks is repeated and no connection waits for a reader.
class S3Reader : public ObjectReader {
 public:
  S3Reader(S3Store& store, std::string name, http::Response first)
      : store_(store), name_(std::move(name)), piece_(std::move(first)) {
    etag_ = piece_.headers["etag"];
  }

  std::string_view read() override {
    if (is_new_) {
      is_new_ = false;
    } else {
      at_ += piece_.body.size();
      if (piece_.body.size() < kPieceBytes) return {};
      piece_ = store_.piece(name_, range(at_), etag_);
      if (piece_.status == 416) piece_.body.clear();
      if (piece_.status == 404 || piece_.status == 412) {
        throw Failure(Exit::retry, "store_answer", "an object of " + store_.where() + " changed while it was read");
      }
    }
    return piece_.body;
  }

  static std::string range(std::uint64_t from) {
    return "bytes=" + std::to_string(from) + "-" + std::to_string(from + kPieceBytes - 1);
  }

 private:
  S3Store& store_;
  std::string name_;
  http::Response piece_;
  std::string etag_;
  std::uint64_t at_ = 0;
  bool is_new_ = true;
};

std::unique_ptr<ObjectReader> S3Store::open(const std::string& name) {
  http::Response first = piece(name, S3Reader::range(0), "");
  if (first.status == 404) return nullptr;
  if (first.status == 416) first.body.clear();  // an empty object has no range
  return std::make_unique<S3Reader>(*this, name, std::move(first));
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

S3Listing parse_listing(std::string_view xml) {
  ListingParser state;
  const std::unique_ptr<std::remove_pointer_t<XML_Parser>, void (*)(XML_Parser)> parser(XML_ParserCreate(nullptr),
                                                                                        &XML_ParserFree);
  if (!parser) throw std::bad_alloc();
  XML_SetUserData(parser.get(), &state);
  XML_SetElementHandler(parser.get(), &open_element, &close_element);
  XML_SetCharacterDataHandler(parser.get(), &take_text);
  const bool whole = XML_Parse(parser.get(), xml.data(), static_cast<int>(xml.size()), 1) == XML_STATUS_OK;
  if (!whole || xml.find("<ListBucketResult") == std::string_view::npos) {
    throw Failure(Exit::retry, "store_answer", "the store's listing is none");
  }
  return std::move(state.listing);
}

std::unique_ptr<Store> make_s3_store(const std::string& where, S3Account account) {
  constexpr std::string_view kScheme = "s3://";
  std::string_view rest = std::string_view(where).substr(kScheme.size());
  const std::string bucket(rest.substr(0, rest.find('/')));
  rest.remove_prefix(std::min(bucket.size() + 1, rest.size()));
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const bool plain = std::all_of(bucket.begin(), bucket.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
  if (bucket.size() < 3 || !plain)
    throw Failure(Exit::usage, "unknown_stage", "cannot read a stage: it is s3://BUCKET/PREFIX");
  return std::make_unique<S3Store>(bucket, rest.empty() ? "" : std::string(rest) + "/", std::move(account));
}

}  // namespace stage
