// stage: listings, read with expat. See listing.hpp.
#include "stage/listing.hpp"

#include <expat.h>

#include <climits>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "base/failure.hpp"

namespace stage {
namespace {

std::string decode_uri(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      decoded.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
      i += 2;
    } else {
      decoded.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return decoded;
}

// Of what bears no time nobody may say that it is old.
const Listed kUndated{"", 0, std::numeric_limits<std::int64_t>::max()};

// What expat's functions are given.
struct ListingParser {
  const ListingForm& form;
  Listing listing = {};
  std::string path = {};  // of the open elements, `/ListBucketResult/Contents/Key`
  std::string text = {};
  Listed object = kUndated;
  bool has_root = false;
};

void XMLCALL open_element(void* data, const XML_Char* name, const XML_Char**) {
  auto* parser = static_cast<ListingParser*>(data);
  parser->path.append("/").append(name);
  parser->text.clear();
  parser->has_root |= parser->path == parser->form.root;
}

void XMLCALL take_text(void* data, const XML_Char* text, int size) {
  static_cast<ListingParser*>(data)->text.append(text, static_cast<std::size_t>(size));
}

void XMLCALL close_element(void* data, const XML_Char*) {
  auto* parser = static_cast<ListingParser*>(data);
  const auto name = [&] { return parser->form.is_encoded ? decode_uri(parser->text) : parser->text; };
  if (parser->path == parser->form.key) {
    parser->listing.keys.push_back(parser->object.name = name());
  } else if (parser->path == parser->form.bytes) {
    parser->object.bytes = std::strtoull(parser->text.c_str(), nullptr, 10);
  } else if (parser->path == parser->form.modified) {
    parser->object.modified_us = time_of_listing(parser->text).value_or(kUndated.modified_us);
  } else if (parser->path == parser->form.key.substr(0, parser->form.key.rfind('/'))) {
    parser->listing.objects.push_back(std::exchange(parser->object, kUndated));
  } else if (parser->path == parser->form.folder) {
    parser->listing.folders.push_back(name());
  } else if (parser->path == parser->form.next) {
    parser->listing.next = parser->text;
  }
  parser->path.resize(parser->path.rfind('/'));
}

}  // namespace

std::optional<std::int64_t> time_of_listing(const std::string& text) {
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (rest == nullptr) return std::nullopt;
  return std::int64_t{::timegm(&parts)} * 1'000'000;
}

Listing parse_listing(std::string_view xml, const ListingForm& form) {
  ListingParser state{form};
  const std::unique_ptr<std::remove_pointer_t<XML_Parser>, void (*)(XML_Parser)> parser(XML_ParserCreate(nullptr),
                                                                                        &XML_ParserFree);
  if (!parser) throw std::bad_alloc();
  XML_SetUserData(parser.get(), &state);
  XML_SetElementHandler(parser.get(), &open_element, &close_element);
  XML_SetCharacterDataHandler(parser.get(), &take_text);
  const bool whole =
      xml.size() <= INT_MAX && XML_Parse(parser.get(), xml.data(), static_cast<int>(xml.size()), 1) == XML_STATUS_OK;
  if (!whole || !state.has_root) {
    throw base::Failure(base::Exit::retry, "store_answer", "the store's listing is none");
  }
  return std::move(state.listing);
}

}  // namespace stage
