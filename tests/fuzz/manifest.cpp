// Fuzz target: manifests, as a line from cdc-batch and as an object of the stage, and the identity in source.json.
// Knows: what is no manifest ends in a Failure of class data; what is one, encoded and read again, is the same.
// Must not know: which manifests are good; the unit tests hold that.
#include "stage/manifest.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/failure.hpp"

namespace {

void expect(bool kept) {
  if (!kept) std::abort();
}

template <typename F>
void only_data_failures(F&& body) {
  try {
    body();
  } catch (const base::Failure& failure) {
    expect(failure.exit == base::Exit::data);
  }
}

// A manifest has its files either in the spool or in the stage; the text says in which form it was.
stage::Form form_of(const stage::Common& manifest) {
  for (const stage::FileEntry& file : manifest.files) {
    if (!file.path.empty()) return stage::Form::line;
  }
  return stage::Form::stored;
}

bool all_alike(const stage::Common& manifest, stage::Form form) {
  for (const stage::FileEntry& file : manifest.files) {
    if ((form == stage::Form::line) != !file.path.empty()) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  only_data_failures([&] {
    const stage::Epoch epoch = stage::decode_epoch(text);
    if (epoch.pruned) return;
    const stage::Form form = form_of(epoch);
    const bool commits_alike = !epoch.commits || (form == stage::Form::line) == !epoch.commits->path.empty();
    if (!all_alike(epoch, form) || !commits_alike || (form == stage::Form::line && !epoch.prev.empty())) return;
    expect(stage::decode_epoch(stage::encode(epoch, form)) == epoch);
  });
  only_data_failures([&] {
    const stage::Chunk chunk = stage::decode_chunk(text);
    const stage::Form form = form_of(chunk);
    if (!all_alike(chunk, form)) return;
    expect(stage::decode_chunk(stage::encode(chunk, form)) == chunk);
  });
  only_data_failures([&] {
    const stage::Identity identity = stage::decode_identity(text);
    expect(stage::decode_identity(stage::encode(identity)) == identity);
  });
  return 0;
}
