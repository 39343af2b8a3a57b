// crypto: randomness, and the cipher of a spool that holds red data. Knows OpenSSL's generator and AES-256-CTR.
// The spool's key is made here, lives in the memory of this process only, and is gone with it: what a crash leaves on a disk
// cannot be read by anybody. Must not write it anywhere.
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <climits>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "crypto/digest.hpp"

namespace crypto {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kBlockBytes = 16;

void must(int result, const char* doing) {
  if (result != 1) throw base::Failure(base::Exit::bug, "cipher_failed", std::string("OpenSSL failed to ") + doing);
}

}  // namespace

void random_bytes(std::span<unsigned char> into) {
  if (into.size() > INT_MAX || RAND_bytes(into.data(), static_cast<int>(into.size())) != 1) {
    throw base::Failure(base::Exit::bug, "no_random", "the system gave no random bytes");
  }
}

std::string random_id() {
  unsigned char bytes[16];
  random_bytes(bytes);
  return base::hex(std::string_view(reinterpret_cast<const char*>(bytes), sizeof bytes));
}

// The key itself is not kept: OpenSSL's context holds its schedule, and cleanses it when freed.
struct SpoolCipher::State {
  EVP_CIPHER_CTX* context = nullptr;
  ~State() { EVP_CIPHER_CTX_free(context); }
};

SpoolCipher::SpoolCipher() : state_(std::make_unique<State>()) {
  state_->context = EVP_CIPHER_CTX_new();
  unsigned char key[kKeyBytes];
  random_bytes(key);
  const int made =
      state_->context == nullptr ? 0 : EVP_EncryptInit_ex(state_->context, EVP_aes_256_ctr(), nullptr, key, nullptr);
  OPENSSL_cleanse(key, sizeof key);
  must(made, "set up AES-256-CTR");
}

SpoolCipher::~SpoolCipher() = default;

void SpoolCipher::apply(std::span<char> bytes, std::uint64_t offset_bytes) {
  // The counter block is the number of the 16-byte block in the file, big-endian; the key is new for each object, so no
  // nonce is needed beside it.
  unsigned char counter[kBlockBytes] = {};
  const std::uint64_t block = offset_bytes / kBlockBytes;
  for (std::size_t i = 0; i < 8; ++i) counter[kBlockBytes - 1 - i] = static_cast<unsigned char>(block >> (8 * i));
  must(EVP_EncryptInit_ex(state_->context, nullptr, nullptr, nullptr, counter), "position the cipher");

  int done = 0;
  unsigned char skipped[kBlockBytes] = {};
  const auto skip = static_cast<int>(offset_bytes % kBlockBytes);
  if (skip > 0) must(EVP_EncryptUpdate(state_->context, skipped, &done, skipped, skip), "advance the cipher");

  auto* at = reinterpret_cast<unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  while (left > 0) {
    const int piece = left > (1u << 30) ? 1 << 30 : static_cast<int>(left);
    must(EVP_EncryptUpdate(state_->context, at, &done, at, piece), "encrypt");
    at += piece;
    left -= static_cast<std::size_t>(piece);
  }
}

}  // namespace crypto
