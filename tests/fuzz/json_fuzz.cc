#include "tests/fuzz/decoder_fuzz.h"

// The first line chooses the options and the buffer, the rest is NDJSON.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace systole;
  fuzz::fuzz_input input(data, size);
  decoder_options options;
  const uint8_t chosen = input.byte();
  options.lenient_text = chosen & 1;
  options.strict_types = chosen & 2;
  options.unknown_fields_reject = chosen & 4;
  options.keep_raw = chosen & 8;
  const size_t buffer_bytes = input.byte();
  input.line();
  std::vector<decoder_column> columns = fuzz::columns_of_all_types();
  columns.push_back({.name = "deep", .path = {"a", "b", "c"}, .type = {type_id::text}});
  columns.push_back({.name = "near", .path = {"a", "x"}, .type = {type_id::int32}});
  auto decoder = make_json_decoder(columns, options);
  fuzz::require(decoder.has_value(), "the columns are good");
  fuzz::check_decoder(**decoder, columns, input.rest(), buffer_bytes);
  return 0;
}
