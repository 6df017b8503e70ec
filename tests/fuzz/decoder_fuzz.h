#pragma once

#include <algorithm>

#include "tests/formats/decode_support.h"
#include "tests/fuzz/fuzz_input.h"

namespace systole::fuzz {

inline std::vector<decoder_column> columns_of_all_types() {
  std::vector<decoder_column> made;
  const auto add = [&](const char* name, data_type type, std::vector<std::string> path = {}) {
    made.push_back({.name = name, .path = path.empty() ? std::vector<std::string>{name} : path, .type = type});
  };
  add("t", {type_id::text});
  add("i", {type_id::int32});
  add("l", {type_id::int64});
  add("d", {type_id::float64});
  add("n", {type_id::numeric});
  add("m", {type_id::numeric, 6, 2});
  add("b", {type_id::boolean});
  add("z", {type_id::timestamptz});
  add("day", {type_id::date});
  add("y", {type_id::bytea});
  return made;
}

/// What a decoder's input begins with: a byte of options, the size of the buffers, and what else its first line holds.
struct decoder_choices {
  explicit decoder_choices(fuzz_input& input) : flags(input.byte()), buffer_bytes(size_t{1} + input.byte()) {
    input.line();
  }
  /// Whether the option is on that takes this bit.
  bool has(unsigned bit) const { return flags >> bit & 1; }
  uint8_t flags;
  size_t buffer_bytes;
};

/// Rows, rejects and offsets must not depend on how the bytes come, and offsets ascend within the text.
inline void check_decoder(const result<std::unique_ptr<record_decoder>>& decoder,
                          const std::vector<decoder_column>& columns, std::string_view text, size_t buffer_bytes) {
  require(decoder.has_value(), "the columns are good");
  const decoded_text whole = decode_all(**decoder, columns, text, 1024);
  const decoded_text parts = decode_all(**decoder, columns, text, 3, buffer_bytes);
  if (whole != parts) {
    for (const decoded_text* each : {&whole, &parts}) {
      for (size_t i = 0; i < each->rows.size(); ++i)
        std::fprintf(stderr, "%zu %s\n", static_cast<size_t>(each->offsets[i]), each->rows[i].c_str());
      for (const std::string& reject : each->rejects) std::fprintf(stderr, "%s\n", reject.c_str());
      std::fprintf(stderr, "--\n");
    }
  }
  require(whole == parts, "the same rows whatever the buffers");
  require(std::is_sorted(whole.offsets.begin(), whole.offsets.end()), "offsets ascend");
  require(whole.offsets.empty() || whole.offsets.back() < text.size(), "offsets are in the text");
}

}  // namespace systole::fuzz
