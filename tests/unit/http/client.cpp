// Promises of the client, against a socket that answers as it is told: every answer is given out as it came, and whatever is no whole
// answer is a failure that may be tried again.
#include "http/client.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "base/failure.hpp"

namespace {

// Takes one connection, reads until `until` has come, answers, closes.
class Server {
 public:
  Server(std::string until, std::string answer) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this, until = std::move(until), answer = std::move(answer)] {
      const int client = ::accept(listener_, nullptr, nullptr);
      char piece[4096];
      while (asked_.find(until) == std::string::npos) {
        const ssize_t got = ::read(client, piece, sizeof piece);
        if (got <= 0) break;
        asked_.append(piece, static_cast<std::size_t>(got));
      }
      EXPECT_EQ(::write(client, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
      ::close(client);
    });
  }
  ~Server() {
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }
  const std::string& asked() {
    thread_.join();
    return asked_;
  }

 private:
  int listener_;
  std::string url_;
  std::string asked_;
  std::thread thread_;
};

std::string slug_of(const http::Request& request, http::Patience patience = {}) {
  http::Client client(patience);
  try {
    static_cast<void>(client.send(request));
  } catch (const base::Failure& failure) {
    return failure.slug;
  }
  return "";
}

TEST(Client, SendsWhatItIsGivenAndGivesOutTheAnswer) {
  Server server("hello", "HTTP/1.1 412 No\r\nETag:  \"x\" \r\nContent-Length: 3\r\n\r\nabc");
  http::Client client;
  http::Request request;
  request.method = "PUT";
  request.url = server.url() + "/a/../%41?b=%2F";
  request.headers = {"If-None-Match: *"};
  request.body = "hello";
  const http::Response response = client.send(request);
  EXPECT_EQ(response.status, 412);
  EXPECT_EQ(response.body, "abc");
  EXPECT_EQ(response.headers.at("etag"), "\"x\"");
  const std::string& asked = server.asked();
  EXPECT_TRUE(asked.starts_with("PUT /a/../%41?b=%2F HTTP/1.1\r\n")) << asked;
  EXPECT_NE(asked.find("If-None-Match: *\r\n"), std::string::npos);
  EXPECT_NE(asked.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_EQ(asked.find("Expect"), std::string::npos);
}

TEST(Client, AnAnswerThatIsCutShortOrNeverComesIsAFailure) {
  {
    Server server("\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_EQ(slug_of({"GET", server.url(), {}, {}, {}}), "http_failed");
  }
  {
    Server server("\r\n\r\n", "");
    EXPECT_EQ(slug_of({"GET", server.url(), {}, {}, {}}), "http_failed");
  }
  EXPECT_EQ(slug_of({"GET", "http://127.0.0.1:1", {}, {}, {}}), "http_failed") << "nobody listens there";
  // A server that says nothing more is not waited for longer than asked.
  Server silent("never", "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(slug_of({"GET", silent.url(), {}, {}, {}}, {1, 1}), "http_failed");
}

TEST(Client, WhatCameAsGzipIsGivenOutWithoutWhenThatWasAskedFor) {
  // gzip of "hello".
  const std::string_view gzip("\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0", 25);
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n" + std::string(gzip);
  for (const bool compressed : {true, false}) {
    Server server("\r\n\r\n", answer);
    http::Client client;
    http::Request request;
    request.url = server.url();
    request.compressed = compressed;
    EXPECT_EQ(client.send(request).body, compressed ? "hello" : gzip);
    EXPECT_EQ(server.asked().find("Accept-Encoding: gzip\r\n") != std::string::npos, compressed);
  }
}

TEST(Client, OnlyHttpIsSpoken) {
  EXPECT_EQ(slug_of({"GET", "file:///etc/passwd", {}, {}, {}}), "bad_url");
  EXPECT_EQ(slug_of({"GET", "not an address", {}, {}, {}}), "bad_url");
  EXPECT_EQ(slug_of({"PUT", "http://127.0.0.1:1/", {}, {}, "/nowhere"}), "file_failed");
}

}  // namespace
