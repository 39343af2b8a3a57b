// crypto: SHA-256 and HMAC-SHA-256 for the row path. Knows OpenSSL; must not know what is hashed; no randomness in this file.
//
// The SHA256_* functions are marked deprecated in OpenSSL 3 in favour of EVP, and are used on purpose: an EVP digest costs
// an allocation, a lock and a provider call per use (about 1 us), more than the hash of a short value itself. With these
// an HMAC of a short value is two copies of a prepared state and two compressions (SHA-NI where the processor has it),
// and nothing is allocated. They are part of OpenSSL's ABI for the whole of version 3.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <cstring>

#include "base/encoding.hpp"
#include "crypto/digest.hpp"

namespace crypto {
namespace {

constexpr std::size_t kBlockBytes = SHA256_CBLOCK;

}  // namespace

struct Sha256::State {
  SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(std::string_view bytes) { SHA256_Update(&state_->context, bytes.data(), bytes.size()); }

Digest Sha256::finish() {
  Digest digest;
  SHA256_Final(digest.data(), &state_->context);
  SHA256_Init(&state_->context);
  return digest;
}

Digest sha256(std::string_view bytes) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes.data(), bytes.size());
  Digest digest;
  SHA256_Final(digest.data(), &context);
  return digest;
}

std::string hex(const Digest& digest) {
  return base::hex(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

std::string sha256_hex(std::string_view bytes) { return hex(sha256(bytes)); }

// The states after the first block of each half, which depends on the key alone.
struct Hmac::State {
  SHA256_CTX inner;
  SHA256_CTX outer;
  ~State() { OPENSSL_cleanse(this, sizeof *this); }
};

Hmac::Hmac(std::string_view key) : state_(std::make_unique<State>()) {
  unsigned char block[kBlockBytes] = {};
  if (key.size() > kBlockBytes) {
    const Digest digest = sha256(key);
    std::memcpy(block, digest.data(), digest.size());
  } else if (!key.empty()) {
    std::memcpy(block, key.data(), key.size());
  }
  for (auto& byte : block) byte ^= 0x36;
  SHA256_Init(&state_->inner);
  SHA256_Update(&state_->inner, block, sizeof block);
  for (auto& byte : block) byte ^= 0x36 ^ 0x5c;
  SHA256_Init(&state_->outer);
  SHA256_Update(&state_->outer, block, sizeof block);
  OPENSSL_cleanse(block, sizeof block);
}

Hmac::~Hmac() = default;
Hmac::Hmac(const Hmac& other) : state_(std::make_unique<State>(*other.state_)) {}
Hmac& Hmac::operator=(const Hmac& other) {
  if (this != &other) *state_ = *other.state_;
  return *this;
}

Digest Hmac::operator()(std::string_view value) const {
  SHA256_CTX context = state_->inner;
  SHA256_Update(&context, value.data(), value.size());
  Digest digest;
  SHA256_Final(digest.data(), &context);  // what stays on the stack is a state beyond the value, not the key's
  context = state_->outer;
  SHA256_Update(&context, digest.data(), digest.size());
  SHA256_Final(digest.data(), &context);
  return digest;
}

void wipe(std::string& secret) {
  if (!secret.empty()) OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace crypto
