// A server for unit tests of stores: answers the requests of one connection with the answers that it was given, and keeps what was asked.
// Knows sockets and where a request ends. Must not know any provider.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace stage_test {

class Server {
 public:
  /// in   answers  each `STATUS WORDS[\r\nHeader: value]...`, without a body; a body after an empty line
  explicit Server(std::vector<std::string> answers) : answers_(std::move(answers)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }
  /// Waits until all answers were given. out  the requests, head and body
  const std::vector<std::string>& asked() {
    thread_.join();
    return asked_;
  }

 private:
  void serve() {
    while (at_ < answers_.size()) {
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      std::string got;
      char piece[4096];
      while (at_ < answers_.size()) {
        while (!whole(got)) {
          const ssize_t size = ::read(client, piece, sizeof piece);
          if (size <= 0) break;
          got.append(piece, static_cast<std::size_t>(size));
        }
        if (!whole(got)) break;
        asked_.push_back(got);
        got.clear();
        std::string head = answers_[at_++];
        std::string body;
        if (const std::size_t empty = head.find("\r\n\r\n"); empty != std::string::npos) {
          body = head.substr(empty + 4);
          head.resize(empty);
        }
        const std::string answer =
            "HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
        EXPECT_EQ(::write(client, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
      }
      ::close(client);
    }
  }

  static bool whole(const std::string& request) {
    const std::size_t head = request.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const std::size_t length = request.find("Content-Length: ");
    const std::size_t body = length > head ? 0 : static_cast<std::size_t>(std::atol(request.c_str() + length + 16));
    return request.size() >= head + 4 + body;
  }

  std::vector<std::string> answers_;
  std::vector<std::string> asked_;
  std::size_t at_ = 0;
  int listener_ = -1;
  std::string url_;
  std::thread thread_;
};

}  // namespace stage_test
