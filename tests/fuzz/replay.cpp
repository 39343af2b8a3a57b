// Runs a fuzz corpus as a plain test: every file of a folder through LLVMFuzzerTestOneInput, and every beginning of a small one.
// Knows: TAP, the line format that tests/run adds up. A crash leaves planned tests unreported, which counts as failed.
// Must not: know which target it is linked to, or change an input in any other way; finding new inputs is libFuzzer's work.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// Beginnings of larger files would take minutes under the sanitizers.
constexpr std::size_t largest_cut_bytes = 2048;

void run(const std::string& input) {
  // A copy on the heap of exactly this size, so that AddressSanitizer sees a read one byte beyond the end.
  const std::vector<std::uint8_t> exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !std::filesystem::is_directory(argv[1])) {
    std::fprintf(stderr, "usage: replay-NAME tests/fuzz/corpus/NAME\n");
    return 64;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::printf("1..%zu\n", files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::ifstream in(files[i], std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in.good() && !in.eof()) {
      std::printf("not ok %zu %s could not be read\n", i + 1, files[i].filename().c_str());
      continue;
    }
    run(input);
    for (std::size_t cut = 0; cut < std::min(input.size(), largest_cut_bytes); ++cut) run(input.substr(0, cut));
    std::printf("ok %zu %s\n", i + 1, files[i].filename().c_str());
    std::fflush(stdout);
  }
  return files.empty() ? 1 : 0;
}
