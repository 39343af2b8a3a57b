// Writers that create the same objects of a stage at the same moment, for tests: stage-race STAGE ROUNDS WRITERS. Each round has a name of
// its own, and each writer a store and a connection of its own. Exit code 0 when every round had exactly one winner, and what stands is what
// the winner put; prints how many rounds each won. Knows a store's one promise; must not know what a store is.
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/failure.hpp"
#include "stage/store.hpp"

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  const std::string stage = argv[1];
  const int rounds = std::atoi(argv[2]);
  const auto writers = static_cast<std::size_t>(std::atoi(argv[3]));
  if (rounds < 1 || writers < 2) return 64;
  std::vector<std::vector<char>> won(writers, std::vector<char>(static_cast<std::size_t>(rounds), 0));
  std::vector<std::string> trouble(writers);
  const auto name_of = [](int round) { return "race/" + std::to_string(round) + ".json"; };
  const auto content_of = [](std::size_t writer, int round) {
    return "writer " + std::to_string(writer) + " of round " + std::to_string(round) + "\n";
  };
  try {
    std::vector<std::unique_ptr<stage::Store>> stores;
    for (std::size_t i = 0; i < writers; ++i) stores.push_back(stage::open_store(stage, true));
    std::barrier together(static_cast<std::ptrdiff_t>(writers));
    {
      std::vector<std::thread> threads;
      for (std::size_t i = 0; i < writers; ++i) {
        threads.emplace_back([&, i] {
          for (int round = 0; round < rounds; ++round) {
            together.arrive_and_wait();
            try {
              won[i][static_cast<std::size_t>(round)] = stores[i]->put_if_absent(name_of(round), content_of(i, round));
            } catch (const base::Failure& failure) {
              trouble[i] = failure.message;
            }
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
    }
    for (const std::string& words : trouble) {
      if (!words.empty()) return std::printf("%s\n", words.c_str()), 1;
    }
    std::vector<int> wins(writers, 0);
    for (int round = 0; round < rounds; ++round) {
      std::size_t winners = 0;
      std::size_t winner = 0;
      for (std::size_t i = 0; i < writers; ++i) {
        if (won[i][static_cast<std::size_t>(round)] == 0) continue;
        ++winners;
        winner = i;
      }
      if (winners != 1) return std::printf("round %d has %zu winners\n", round, winners), 1;
      if (stores[0]->read(name_of(round)) != content_of(winner, round)) {
        return std::printf("round %d does not hold what its winner put\n", round), 1;
      }
      ++wins[winner];
    }
    std::printf("%d rounds, one winner each:", rounds);
    for (const int count : wins) std::printf(" %d", count);
    std::printf("\n");
    return 0;
  } catch (const base::Failure& failure) {
    std::printf("%s\n", failure.message.c_str());
    return static_cast<int>(failure.exit);
  }
}
