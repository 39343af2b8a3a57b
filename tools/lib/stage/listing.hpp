// stage: a page of a store's listing, from the provider's XML. The only file of the room that includes expat. Knows where names stand in
// each provider's form; not how a page is asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stage/store.hpp"

namespace stage {

/// One page of a listing.
///
/// keys     the names of
/// objects  the same with their sizes and times; one of which no time was said is younger than all others
struct Listing {
  std::vector<std::string> keys;
  std::vector<Listed> objects;
  std::vector<std::string> folders;  ///< with a delimiter: what is below, with it at their end
  std::string next;                  ///< to go on with; empty: this was the last page
};

/// Where things stand, as paths of elements; bytes and modified below the element that holds an object's key. is_encoded: names are as in an address (`encoding-type=url`)
struct ListingForm {
  std::string_view root;
  std::string_view key;
  std::string_view folder;
  std::string_view next;
  std::string_view bytes;
  std::string_view modified;
  bool is_encoded;
};
/// ListObjectsV2 of S3, which others have too.
inline constexpr ListingForm kBucketForm{"/ListBucketResult",
                                         "/ListBucketResult/Contents/Key",
                                         "/ListBucketResult/CommonPrefixes/Prefix",
                                         "/ListBucketResult/NextContinuationToken",
                                         "/ListBucketResult/Contents/Size",
                                         "/ListBucketResult/Contents/LastModified",
                                         true};

/// A time of a listing, `2009-10-12T17:50:30.000Z` or `Mon, 12 Oct 2009 17:50:30 GMT`, in microseconds since 1970.
/// out  nothing when it is neither
[[nodiscard]] std::optional<std::int64_t> time_of_listing(const std::string& text);

/// err  retry/store_answer when it is none of that form, or cut
[[nodiscard]] Listing parse_listing(std::string_view xml, const ListingForm& form = kBucketForm);

}  // namespace stage
