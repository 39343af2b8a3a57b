// crypto: a private RSA key, and tokens signed with it (JSON Web Token, RS256), as servers take them in the place of a password.
// Knows OpenSSL. Must not know who is told what, nor where the key lay; what it is told is JSON already.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace crypto {

/// A private RSA key of at least 2048 bits, in memory only; overwritten when it goes.
class PrivateKey {
 public:
  /// in   pem         `BEGIN PRIVATE KEY`, `BEGIN ENCRYPTED PRIVATE KEY` (PKCS#8) or `BEGIN RSA PRIVATE KEY`; the caller wipes it
  ///      passphrase  of an encrypted one; else it does not matter
  /// err  usage/bad_private_key: not one of these, a key of another kind or a short one, or the passphrase is missing or another
  static PrivateKey from_pem(std::string_view pem, std::string_view passphrase = {});
  ~PrivateKey();
  PrivateKey(PrivateKey&&) noexcept;
  PrivateKey& operator=(PrivateKey&&) noexcept;

  /// The public half's: base64 of the SHA-256 of its DER SubjectPublicKeyInfo, without a word before it.
  [[nodiscard]] std::string fingerprint() const;
  /// RSASSA-PKCS1-v1_5 with SHA-256, raw bytes. src  RFC 8017, 8.2
  [[nodiscard]] std::string sign_rs256(std::string_view bytes) const;

 private:
  struct State;
  explicit PrivateKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// in   header_json, claims_json  objects of JSON; the header says `"alg":"RS256"`
/// out  HEADER.CLAIMS.SIGNATURE, each in base64url without padding. A secret as long as it has not expired
/// src  RFC 7515, 3.1 and 7.1
[[nodiscard]] std::string jwt_rs256(const PrivateKey& key, std::string_view header_json, std::string_view claims_json);

}  // namespace crypto
