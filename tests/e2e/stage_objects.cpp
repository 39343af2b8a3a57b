// Objects of a stage by the programs' own store, for tests of stores:
//   stage-objects fill STAGE FOLDER COUNT       creates COUNT objects there, each with its name as content
//   stage-objects list STAGE FOLDER             prints their names
//   stage-objects after STAGE FOLDER NAME       prints the names directly in it that come behind that one
//   stage-objects read STAGE NAME               prints an object
//   stage-objects place STAGE FILE NAME         brings a file in
//   stage-objects race STAGE FOLDER ROUNDS N    in each round N writers create one name at once; prints how many won in each round
// Exit: as the programs. Knows stores; must not know what a provider is.
#include <atomic>
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/failure.hpp"
#include "stage/store.hpp"

namespace {

std::string number(int value) {
  std::string digits = std::to_string(value);
  return digits.insert(0, 6 - digits.size(), '0');
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void race(const std::string& at, const std::string& folder, int rounds, int writers) {
  for (int round = 0; round < rounds; ++round) {
    const std::string name = folder + "/" + number(round);
    std::atomic<int> winners = 0;
    std::atomic<int> winner = -1;
    std::barrier start(writers);
    std::vector<std::thread> threads;
    for (int writer = 0; writer < writers; ++writer) {
      threads.emplace_back([&, writer] {
        try {
          const auto store = stage::open_store(at, true);
          // Convinced of the store before, so that all are as fast as they can be.
          static_cast<void>(store->put_if_absent(name + "." + number(writer), "x"));
          start.arrive_and_wait();
          if (!store->put_if_absent(name, number(writer))) return;
          ++winners;
          winner = writer;
        } catch (const base::Failure& failure) {
          std::fprintf(stderr, "%s\n", failure.message.c_str());
          std::_Exit(static_cast<int>(failure.exit));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    // What lies there is the winner's.
    const bool is_winners = stage::open_store(at, true)->read(name).value_or("") == number(winner);
    print(std::to_string(winners) + (is_winners ? "\n" : " but what is there is another's\n"));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 3) return 64;
  try {
    const auto store = stage::open_store(words[1], true);
    if (words[0] == "fill" && words.size() == 4) {
      for (int i = 0; i < std::atoi(words[3].c_str()); ++i) {
        const std::string name = words[2] + "/" + number(i);
        if (!store->put_if_absent(name, name)) return 1;
      }
    } else if (words[0] == "list") {
      for (const std::string& name : store->list(words[2])) print(name + "\n");
    } else if (words[0] == "after" && words.size() == 4) {
      for (const std::string& name : store->list_one_level(words[2], words[3])) print(name + "\n");
    } else if (words[0] == "read") {
      const auto reader = store->open(words[2]);
      if (!reader) return 1;
      for (std::string_view piece = reader->read(); !piece.empty(); piece = reader->read()) print(piece);
    } else if (words[0] == "place" && words.size() == 4) {
      store->place(words[2], words[3]);
    } else if (words[0] == "race" && words.size() == 5) {
      race(words[1], words[2], std::atoi(words[3].c_str()), std::atoi(words[4].c_str()));
    } else {
      return 64;
    }
    return std::fflush(stdout) == 0 ? 0 : 1;
  } catch (const base::Failure& failure) {
    std::fprintf(stderr, "err=%s msg=%s\n", failure.slug.c_str(), failure.message.c_str());
    return static_cast<int>(failure.exit);
  }
}
