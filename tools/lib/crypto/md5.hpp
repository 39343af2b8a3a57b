// crypto: MD5, for one use: the header Content-MD5, by which a store finds out that bytes were damaged on their way. It protects from
// accidents, not from anybody. Knows OpenSSL.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace crypto {

/// MD5 of a stream of bytes, given piece by piece. src  RFC 1321
class Md5 {
 public:
  Md5();
  ~Md5();
  Md5(const Md5&) = delete;
  Md5& operator=(const Md5&) = delete;
  void add(std::string_view bytes);
  /// out  base64 of the digest of everything added, as Content-MD5 has it; once only
  [[nodiscard]] std::string finish_base64();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace crypto
