// stage: a container of Azure's blob store as a store. Create if absent is `If-None-Match: *`. Knows its requests and codes of errors;
// attempts, pieces and pages are remote.hpp's. Must not know what objects are for, and must not show a secret.
#pragma once

#include <memory>
#include <string>

#include "stage/az_account.hpp"
#include "stage/listing.hpp"
#include "stage/store.hpp"

namespace stage {

/// `List Blobs`.
inline constexpr ListingForm kAzForm{"/EnumerationResults",
                                     "/EnumerationResults/Blobs/Blob/Name",
                                     "/EnumerationResults/Blobs/BlobPrefix/Name",
                                     "/EnumerationResults/NextMarker",
                                     "/EnumerationResults/Blobs/Blob/Properties/Content-Length",
                                     "/EnumerationResults/Blobs/Blob/Properties/Last-Modified",
                                     false};

/// in   where  `az://CONTAINER[/PREFIX]`
/// err  usage/unknown_stage. Of its functions: as those of s3.hpp; a container that is not there is refused/no_bucket
[[nodiscard]] std::unique_ptr<Store> make_az_store(const std::string& where, AzAccount account);

}  // namespace stage
