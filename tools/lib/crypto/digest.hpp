// crypto: OpenSSL behind four small classes: SHA-256, HMAC-SHA-256, random bytes, the spool's cipher.
// Knows OpenSSL, which no other room includes. Must not know what is hashed or encrypted, nor where a key came from.
// Nothing on the row path allocates; what held a key is overwritten when it goes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace crypto {

using Digest = std::array<unsigned char, 32>;

/// SHA-256 of a stream of bytes, given piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void add(std::string_view bytes);
  /// out  the digest of everything added; the object is then fresh again
  [[nodiscard]] Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Digest sha256(std::string_view bytes);
/// 64 lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);
[[nodiscard]] std::string hex(const Digest& digest);

/// HMAC-SHA-256 with a prepared key: two compressions for a short value, no allocation.
/// src  RFC 2104
class Hmac {
 public:
  explicit Hmac(std::string_view key);
  ~Hmac();  ///< wipes the key's states
  Hmac(const Hmac&);
  Hmac& operator=(const Hmac&);
  [[nodiscard]] Digest operator()(std::string_view value) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Cryptographically random. err  bug/no_random
void random_bytes(std::span<unsigned char> into);
/// 32 hex digits: the `run` of a source line.
[[nodiscard]] std::string random_id();

/// AES-256-CTR with a key that exists only in this object's memory: the spool holds red data.
class SpoolCipher {
 public:
  SpoolCipher();
  ~SpoolCipher();
  SpoolCipher(const SpoolCipher&) = delete;
  SpoolCipher& operator=(const SpoolCipher&) = delete;
  /// Encrypts or decrypts in place the bytes that stand at `offset_bytes` of the file. An offset must not be written twice
  /// with different bytes under one object: whoever holds both versions learns their difference.
  void apply(std::span<char> bytes, std::uint64_t offset_bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Overwrites memory that held a secret; not optimised away.
void wipe(std::string& secret);

}  // namespace crypto
