// zip: the only file that includes zstd.h. One context per object, used again for every frame; no dictionary, no threads.
// Must not know what stands in a frame, or where its file goes.
#include "zip/zstd.hpp"

#include <zstd.h>

#include "base/failure.hpp"

namespace zip {
namespace {

// DuckDB refuses frames above 27, and a reader's memory is 2^windowLog for every file it has open.
constexpr int kWindowLogMax = 23;
// What one call of the decompressor may append before the loop looks again.
constexpr std::size_t kPieceBytes = 128 * 1024;

void check(std::size_t result, const char* doing) {
  if (ZSTD_isError(result) != 0) {
    throw base::Failure(base::Exit::bug, "zstd_failed", std::string(doing) + ": " + ZSTD_getErrorName(result));
  }
}

}  // namespace

struct Compressor::State {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ~State() { ZSTD_freeCCtx(context); }
};

Compressor::Compressor(int level) : state_(std::make_unique<State>()) {
  if (state_->context == nullptr)
    throw base::Failure(base::Exit::retry, "no_memory", "could not reserve memory for zstd");
  check(ZSTD_CCtx_setParameter(state_->context, ZSTD_c_compressionLevel, level), "cannot use this compression level");
  check(ZSTD_CCtx_setParameter(state_->context, ZSTD_c_checksumFlag, 1), "cannot ask for checksums");
  // Levels above 17 would choose larger windows; below, zstd's own choice for the level is smaller anyway.
  if (level > 17)
    check(ZSTD_CCtx_setParameter(state_->context, ZSTD_c_windowLog, kWindowLogMax), "cannot set the window");
}

Compressor::~Compressor() = default;

std::string_view Compressor::frame(std::string_view bytes) {
  const std::size_t bound = ZSTD_compressBound(bytes.size());
  if (out_.size() < bound) out_.resize(bound);
  const std::size_t made = ZSTD_compress2(state_->context, out_.data(), out_.size(), bytes.data(), bytes.size());
  check(made, "cannot compress");
  return {out_.data(), made};
}

struct Decompressor::State {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  bool inside_frame = false;
  ~State() { ZSTD_freeDCtx(context); }
};

Decompressor::Decompressor() : state_(std::make_unique<State>()) {
  if (state_->context == nullptr)
    throw base::Failure(base::Exit::retry, "no_memory", "could not reserve memory for zstd");
  check(ZSTD_DCtx_setParameter(state_->context, ZSTD_d_windowLogMax, kWindowLogMax), "cannot limit the window");
}

Decompressor::~Decompressor() = default;

void Decompressor::add(std::string_view bytes, std::string& into) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (;;) {
    const std::size_t had = into.size();
    into.resize(had + kPieceBytes);
    ZSTD_outBuffer out{into.data() + had, kPieceBytes, 0};
    const std::size_t in_before = in.pos;
    const std::size_t left = ZSTD_decompressStream(state_->context, &out, &in);
    into.resize(had + out.pos);
    if (ZSTD_isError(left) != 0) {
      throw base::Failure(base::Exit::data, "broken_zstd",
                          std::string("cannot decompress: ") + ZSTD_getErrorName(left));
    }
    // Called with nothing to do, between two frames, zstd asks for the next header: that is not the inside of a frame.
    if (in.pos != in_before || out.pos != 0) state_->inside_frame = left != 0;
    if (in.pos == in.size && out.pos < kPieceBytes) return;
  }
}

void Decompressor::end() const {
  if (state_->inside_frame) {
    throw base::Failure(base::Exit::data, "broken_zstd", "cannot decompress: the last frame is cut");
  }
}

}  // namespace zip
