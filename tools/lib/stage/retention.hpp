// stage: what house-keeping leaves of manifests whose data it removes (stubs), and where in a log those end. Knows manifests and the log.
// Must not know who still needs what, nor remove anything.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "stage/log.hpp"
#include "stage/manifest.hpp"

namespace stage {

/// The text of an emptied manifest.
///
/// in   sha256  of the bytes that it had: the next one's `prev`
///      at      now, as base::format writes it
/// out  of an epoch `from, to, sha256, pruned`; of a chunk all but its files: what was copied must still be known. With a line break
/// src  cdc-stage.5, House-keeping
[[nodiscard]] std::string encode_stub(const Epoch& epoch, std::string_view sha256, std::string_view at);
[[nodiscard]] std::string encode_stub(Chunk chunk, std::string_view sha256, std::string_view at);

/// Where the first epoch begins that has its data: `to` of the last stub, which is the log's end when all were emptied. Emptied are only
/// the oldest, so that it is found by halving. Nothing when the log is empty. err  refused/broken_stage
[[nodiscard]] std::optional<base::Lsn> first_kept(Log& log);

/// Where somebody has to begin who comes when house-keeping has removed something: first_kept. Nothing when all of the log and of its
/// copies is there. Reads the manifests of all chunks where no epoch was emptied. err  refused/broken_stage
[[nodiscard]] std::optional<base::Lsn> late_start(Log& log);

/// The words by which a reader that met a stub names where the data begin: `what is still there begins at ...`.
[[nodiscard]] std::string words_on_kept(Log& log);

}  // namespace stage
