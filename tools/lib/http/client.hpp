// http: one request to a server and its answer, over a connection that is kept. The only room that includes libcurl. Knows time-outs and
// TLS (libcurl's own, certificates are checked); must not know what is asked for, repeats nothing, and logs nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace http {

/// url      whole, its path and query in the encoding in which they were signed: sent as it is
/// headers  `Name: value` each
/// body     of PUT and POST; file: sent instead, when it names one
/// compressed  the answer may come as gzip; it is given out without
struct Request {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;
  std::string_view body = {};
  std::string file = {};
  bool compressed = false;
};

/// headers  names in small letters
struct Response {
  long status = 0;
  std::map<std::string, std::string> headers;
  std::string body;
};

/// connect_s  for a connection to come about
/// stall_s    without a byte in either direction, after which the request is given up; the server's time to think counts
struct Patience {
  long connect_s = 10;
  long stall_s = 60;
};

class Client {
 public:
  explicit Client(Patience patience = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// From now on a request is given up within a second after this was set. Outlives the client.
  void stop_when(const std::atomic<bool>& stopped) { stopped_ = &stopped; }

  /// out  whatever the server answered, also an error
  /// err  retry/http_failed: no answer, or not all of it; the message has libcurl's words. retry/file_failed: the file could not be
  ///      read. usage/bad_url. retry/stopped
  [[nodiscard]] Response send(const Request& request);

 private:
  struct Handle;
  Patience patience_;
  const std::atomic<bool>* stopped_ = nullptr;
  std::unique_ptr<Handle> handle_;
};

}  // namespace http
