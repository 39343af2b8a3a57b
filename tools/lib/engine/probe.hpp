// engine: whether a loader could work with a warehouse, tried there and taken back. Knows what a loader needs of each engine; nothing of what
// is loaded. No message holds a value.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/open.hpp"

namespace engine {

/// One thing that was tried. what  a word: warehouse, schema, tables, merge, stage; words: what was found, or why not
struct Verdict {
  bool good = false;
  std::string what;
  std::string words;
};

/// Takes down what comes of trying. in  attempt: gives the words; its Failure is the answer no
/// out  whether it went well
bool try_out(std::vector<Verdict>& verdicts, const std::string& what, const std::function<std::string()>& attempt);

/// Whatever is made for it is gone when it returns. The first thing that cannot be done is the last that was tried.
///
/// in   staged  name of an object of the stage, JSON, for an engine that reads the stage itself; empty: none is there
void probe(std::vector<Verdict>& verdicts, const Address& address, const std::string& source, int busy_ms,
           const Variable& variable, const std::string& staged);

}  // namespace engine
