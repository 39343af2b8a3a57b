// Fuzz target: a policy and a stream through cdc-mask. The input is a policy, a line with one `%`, and a stream.
// Knows: what may end either (Failures of class usage, data, refused, retry), and that the text of a column which no rule can
// name is in no byte of the output. Must not know: the policy's grammar; the unit tests hold that.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "cdc-mask/mask.hpp"

namespace {

void expect(bool kept) {
  if (!kept) std::abort();
}

// The filter without a descriptor: the writer's buffer is never flushed, because inputs are smaller than it.
void mask(const policy::Policy& policy, const policy::Keys& keys, std::string_view stream, io::LineWriter& out) {
  cdc_mask::Mask mask({&policy, &keys}, [](const cdc_mask::Notice&) {});
  std::string line;
  while (!stream.empty()) {
    const std::size_t end = stream.find('\n');
    if (end == std::string_view::npos) break;
    line.assign(stream.substr(0, end)).append(64, '\0');
    mask.line(std::string_view(line).substr(0, end), out);
    stream.remove_prefix(end + 1);
  }
  mask.end(out);
  (void)mask.counts();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > io::LineWriter::kFlushBytes / 8) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find("%\n");
  const std::string_view rules = input.substr(0, cut);
  const std::string_view stream = cut == std::string_view::npos ? std::string_view() : input.substr(cut + 2);
  static const policy::Keys keys("k1\tactive\t" + std::string(64, 'a') + "\n", "keys");
  io::LineWriter out(-1);
  try {
    const auto policy = policy::Policy::read(rules, "p", policy::ClearClasses("green,yellow"));
    mask(policy, keys, stream, out);
  } catch (const base::Failure& failure) {
    expect(failure.exit != base::Exit::bug && failure.exit != base::Exit::done);
  }
  // The marker stands in text columns of the corpus that only an exact rule for them could keep. A constant that holds it, or a
  // rule that names its column, is somebody's wish.
  if (rules.find("SECRET") == std::string_view::npos && rules.find("secret") == std::string_view::npos &&
      stream.find("\"name\":\"secret\",\"type\":\"text\"") != std::string_view::npos) {
    const std::size_t marker = out.buffer().find("\"secret\":\"SECRET");
    expect(marker == std::string::npos);
  }
  // Whatever left is whole lines.
  expect(out.buffer().empty() || out.buffer().back() == '\n');
  return 0;
}
