// stage: a page of a store's listing, from the provider's XML. The only file of the room that includes expat. Knows where names stand in
// each provider's form; not how a page is asked for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stage {

/// One page of a listing.
struct Listing {
  std::vector<std::string> keys;
  std::vector<std::string> folders;  ///< with a delimiter: what is below, with it at their end
  std::string next;                  ///< to go on with; empty: this was the last page
};

/// Where things stand, as paths of elements. is_encoded: names are as in an address (`encoding-type=url`)
struct ListingForm {
  std::string_view root;
  std::string_view key;
  std::string_view folder;
  std::string_view next;
  bool is_encoded;
};
/// ListObjectsV2 of S3, which others have too.
inline constexpr ListingForm kBucketForm{"/ListBucketResult", "/ListBucketResult/Contents/Key",
                                         "/ListBucketResult/CommonPrefixes/Prefix",
                                         "/ListBucketResult/NextContinuationToken", true};

/// err  retry/store_answer when it is none of that form, or cut
[[nodiscard]] Listing parse_listing(std::string_view xml, const ListingForm& form = kBucketForm);

}  // namespace stage
