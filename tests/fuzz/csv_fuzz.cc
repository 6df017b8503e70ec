#include "tests/fuzz/decoder_fuzz.h"

// The first line chooses the options and the buffer, the rest is CSV.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace systole;
  fuzz::fuzz_input input(data, size);
  decoder_options options;
  const uint8_t chosen = input.byte();
  options.header = chosen & 1;
  options.strict_types = chosen & 2;
  options.quoted_newlines = chosen & 4;
  options.trim = chosen & 8;
  options.keep_raw = chosen & 16;
  if (chosen & 32) options.delimiter = ';';
  if (chosen & 64) options.null_words = {"NA", "null", "-"};
  const size_t buffer_bytes = input.byte();
  input.line();
  const std::vector<decoder_column> columns = fuzz::columns_of_all_types();
  auto decoder = make_csv_decoder(columns, options);
  fuzz::require(decoder.has_value(), "the columns are good");
  fuzz::check_decoder(**decoder, columns, input.rest(), buffer_bytes);
  return 0;
}
