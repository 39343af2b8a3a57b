// http: libcurl's easy interface. See client.hpp.
#include "http/client.hpp"

#include <curl/curl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/failure.hpp"

namespace http {
namespace {

using base::Exit;
using base::Failure;

constexpr std::size_t kMostAnswerBytes = std::size_t{256} * 1024 * 1024;

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// What libcurl's functions are given.
struct Exchange {
  Response response;
  std::string_view body;
  std::unique_ptr<std::FILE, FileCloser> file;
  bool too_long = false;
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* to) {
  auto* exchange = static_cast<Exchange*>(to);
  if (exchange->response.body.size() + size > kMostAnswerBytes) {
    exchange->too_long = true;
    return 0;
  }
  exchange->response.body.append(data, size);
  return size;
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* to) {
  auto* exchange = static_cast<Exchange*>(to);
  std::string_view line(data, size);
  // Each answer of several (100 Continue) begins anew.
  if (line.starts_with("HTTP/")) exchange->response.headers.clear();
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  line.remove_prefix(colon + 1);
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n' || line.back() == ' ')) line.remove_suffix(1);
  exchange->response.headers[name] = line;
  return size;
}

std::size_t give_body(char* into, std::size_t, std::size_t size, void* from) {
  auto* exchange = static_cast<Exchange*>(from);
  if (exchange->file) {
    const std::size_t got = std::fread(into, 1, size, exchange->file.get());
    return got == 0 && std::ferror(exchange->file.get()) != 0 ? CURL_READFUNC_ABORT : got;
  }
  const std::size_t part = std::min(size, exchange->body.size());
  std::memcpy(into, exchange->body.data(), part);
  exchange->body.remove_prefix(part);
  return part;
}

int look_for_stop(void* stopped, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return *static_cast<const std::atomic<bool>*>(stopped) ? 1 : 0;
}

struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

struct Client::Handle {
  Handle() : curl(curl_easy_init()) {
    if (curl == nullptr) throw Failure(Exit::bug, "no_curl", "libcurl could not be started");
  }
  ~Handle() { curl_easy_cleanup(curl); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  CURL* curl;
};

Client::Client(Patience patience) : patience_(patience) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw Failure(Exit::bug, "no_curl", "libcurl could not be started");
  handle_ = std::make_unique<Handle>();
}

Client::~Client() = default;

Response Client::send(const Request& request) {
  CURL* curl = handle_->curl;
  curl_easy_reset(curl);  // connections, sessions and names that were looked up stay
  Exchange exchange;
  exchange.body = request.body;
  const auto set = [&](CURLoption option, auto value) {
    if (curl_easy_setopt(curl, option, value) != CURLE_OK)
      throw Failure(Exit::bug, "no_curl", "libcurl lacks an option");
  };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, patience_.connect_s);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, patience_.stall_s);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  if (request.compressed) set(CURLOPT_ACCEPT_ENCODING, "gzip");
  set(CURLOPT_WRITEFUNCTION, &take_body);
  set(CURLOPT_WRITEDATA, &exchange);
  set(CURLOPT_HEADERFUNCTION, &take_header);
  set(CURLOPT_HEADERDATA, &exchange);
  if (stopped_ != nullptr) {
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &look_for_stop);
    set(CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(stopped_));
  }
  char words[CURL_ERROR_SIZE] = "";
  set(CURLOPT_ERRORBUFFER, words);

  if (request.method == "PUT") {
    std::uint64_t bytes = request.body.size();
    if (!request.file.empty()) {
      exchange.file.reset(std::fopen(request.file.c_str(), "rbe"));
      struct stat about {};
      if (!exchange.file || ::fstat(::fileno(exchange.file.get()), &about) != 0) {
        throw Failure(Exit::retry, "file_failed", "could not read " + request.file);
      }
      bytes = static_cast<std::uint64_t>(about.st_size);
    }
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &give_body);
    set(CURLOPT_READDATA, &exchange);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(bytes));
  } else if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request.method == "POST") {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, request.body.data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  } else if (request.method != "GET") {
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  std::unique_ptr<curl_slist, ListFree> headers;
  const auto add = [&](const char* line) {
    curl_slist* longer = curl_slist_append(headers.get(), line);
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(headers.release());
    headers.reset(longer);
  };
  for (const std::string& line : request.headers) add(line.c_str());
  add("Expect:");  // it would wait for a 100 Continue that some servers never send
  set(CURLOPT_HTTPHEADER, headers.get());

  const CURLcode ended = curl_easy_perform(curl);
  if (exchange.too_long) throw Failure(Exit::retry, "http_failed", "a server's answer was too long");
  if (ended == CURLE_ABORTED_BY_CALLBACK && stopped_ != nullptr && *stopped_) {
    throw Failure(Exit::retry, "stopped", "the request was given up");
  }
  if (ended == CURLE_ABORTED_BY_CALLBACK) throw Failure(Exit::retry, "file_failed", "could not read " + request.file);
  if (ended == CURLE_URL_MALFORMAT || ended == CURLE_UNSUPPORTED_PROTOCOL) {
    throw Failure(Exit::usage, "bad_url", "cannot read an address; it begins with http:// or https://");
  }
  if (ended != CURLE_OK) {
    throw Failure(Exit::retry, "http_failed", std::string(words[0] != '\0' ? words : curl_easy_strerror(ended)));
  }
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &exchange.response.status);
  return std::move(exchange.response);
}

}  // namespace http
