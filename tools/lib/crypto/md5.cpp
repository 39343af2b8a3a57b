// crypto: MD5 by way of OpenSSL's EVP. See md5.hpp.
#include "crypto/md5.hpp"

#include <openssl/evp.h>

#include "base/encoding.hpp"
#include "base/failure.hpp"

namespace crypto {
namespace {

void must(int result) {
  if (result != 1) throw base::Failure(base::Exit::bug, "no_md5", "OpenSSL failed to compute an MD5");
}

}  // namespace

struct Md5::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Md5::Md5() : state_(std::make_unique<State>()) {
  must(state_->context == nullptr ? 0 : EVP_DigestInit_ex(state_->context, EVP_md5(), nullptr));
}
Md5::~Md5() = default;

void Md5::add(std::string_view bytes) { must(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size())); }

std::string Md5::finish_base64() {
  char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  must(EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(digest), &size));
  std::string text;
  base::append_base64(text, std::string_view(digest, size));
  return text;
}

}  // namespace crypto
