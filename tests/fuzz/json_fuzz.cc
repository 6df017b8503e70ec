#include "tests/fuzz/decoder_fuzz.h"

// The first line chooses the options and the buffer, the rest is NDJSON.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace systole;
  fuzz::fuzz_input input(data, size);
  const fuzz::decoder_choices chosen(input);
  decoder_options options;
  options.lenient_text = chosen.has(0);
  options.strict_types = chosen.has(1);
  options.unknown_fields_reject = chosen.has(2);
  options.keep_raw = chosen.has(3);
  std::vector<decoder_column> columns = fuzz::columns_of_all_types();
  columns.push_back({.name = "deep", .path = {"a", "b", "c"}, .type = {type_id::text}});
  columns.push_back({.name = "near", .path = {"a", "x"}, .type = {type_id::int32}});
  fuzz::check_decoder(make_json_decoder(columns, options), columns, input.rest(), chosen.buffer_bytes);
  return 0;
}
