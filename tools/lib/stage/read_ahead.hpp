// stage: a store of which the log's next epochs are fetched before they are asked for, over connections of their own, so that a reader of
// thousands of small ones does not wait for each request in turn. Knows the log's names and manifests. Must not decide anything: what it
// could not fetch it was not asked for, and whoever asks then gets the store's own answer or error.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stage/crew.hpp"
#include "stage/store.hpp"

namespace stage {

class ReadAhead : public Store {
 public:
  /// Whether a table's files will be read.
  using Wants = std::function<bool(std::string_view table)>;

  /// in   store    outlives this; used by the thread that asks
  ///      another  opens one for each connection
  ///      wants    called by several threads
  ReadAhead(Store& store, OpenAnother another, Wants wants, std::size_t connections = 4);
  /// Gives up what is under way.
  ~ReadAhead() override;
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  std::optional<std::string> read(const std::string& name) override;
  std::unique_ptr<ObjectReader> open(const std::string& name) override;
  std::vector<std::string> list(const std::string& folder) override { return store_.list(folder); }
  std::vector<std::string> list_one_level(const std::string& folder, const std::string& after) override;
  bool lists_after() const override { return store_.lists_after(); }
  void each(const std::string& folder, const std::function<void(const Listed&)>& act) override {
    store_.each(folder, act);
  }
  void replace(const std::string& name, std::string_view content) override { store_.replace(name, content); }
  void remove(const std::string& name) override { store_.remove(name); }
  bool put_if_absent(const std::string& name, std::string_view content) override {
    return store_.put_if_absent(name, content);
  }
  void place(const std::string& path, const std::string& name) override { store_.place(path, name); }
  void settle(const std::string& folder) override { store_.settle(folder); }
  std::string where() const override { return store_.where(); }

  /// Most bytes of objects that are held or under way, and the longest object that is fetched ahead; for tests.
  static constexpr std::size_t kMostBytes = std::size_t{64} * 1024 * 1024;
  static constexpr std::size_t kMostObjectBytes = std::size_t{8} * 1024 * 1024;
  /// How many of what was asked for were there, for tests.
  [[nodiscard]] std::size_t hits() const;

 private:
  struct Parts;
  Store& store_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace stage
