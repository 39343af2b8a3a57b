// stage: a bucket of Google's store as a store, by its XML protocol. Create if absent is `x-goog-if-generation-match: 0`. Knows its
// requests and codes of errors; attempts, pieces and pages are remote.hpp's. Must not know what objects are for, and must not show a
// secret.
#pragma once

#include <memory>
#include <string>

#include "stage/gs_account.hpp"
#include "stage/store.hpp"

namespace stage {

/// in   where  `gs://BUCKET[/PREFIX]`
/// err  usage/unknown_stage. Of its functions: as those of s3.hpp
[[nodiscard]] std::unique_ptr<Store> make_gs_store(const std::string& where, GsAccount account);

}  // namespace stage
