#include "formats/json_structure.h"

#include <simdjson.h>

#include <algorithm>

namespace systole {

struct json_structure::parser {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stages;
};

namespace {
constexpr size_t least_capacity = 64 * 1024;
}

json_structure::json_structure() : parser_(std::make_unique<parser>()) {}
json_structure::~json_structure() = default;

json_structure::verdict json_structure::index(const char* data, size_t size, uint32_t sentinel) {
  size_ = 0;
  if (size == 0) return verdict::empty;
  // A little more than the text, so that the sentinels fit behind a text that is structural throughout.
  const size_t wanted = size + 64;
  if (!parser_->stages) {
    const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        std::max(wanted, least_capacity), 1, parser_->stages);
    if (error) throw std::bad_alloc();
  } else if (parser_->stages->capacity() < wanted) {
    if (parser_->stages->allocate(std::max(wanted, 2 * parser_->stages->capacity()), 1)) throw std::bad_alloc();
  }
  const auto error =
      parser_->stages->stage1(reinterpret_cast<const uint8_t*>(data), size, simdjson::stage1_mode::regular);
  switch (error) {
    case simdjson::SUCCESS: break;
    case simdjson::EMPTY: return verdict::empty;
    case simdjson::UTF8_ERROR: return verdict::invalid_utf8;
    case simdjson::UNESCAPED_CHARS: return verdict::control_character;
    default: return verdict::unclosed_string;
  }
  uint32_t* positions = parser_->stages->structural_indexes.get();
  size_ = parser_->stages->n_structural_indexes;
  for (size_t i = 0; i < sentinels; ++i) positions[size_ + i] = sentinel;
  positions_ = positions;
  return verdict::ok;
}

}  // namespace systole
