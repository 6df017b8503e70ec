#include "tests/fuzz/decoder_fuzz.h"

// The first line chooses the options and the buffer, the rest is CSV.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace systole;
  fuzz::fuzz_input input(data, size);
  const fuzz::decoder_choices chosen(input);
  decoder_options options;
  options.header = chosen.has(0);
  options.strict_types = chosen.has(1);
  options.quoted_newlines = chosen.has(2);
  options.trim = chosen.has(3);
  options.keep_raw = chosen.has(4);
  if (chosen.has(5)) options.delimiter = ';';
  if (chosen.has(6)) options.null_words = {"NA", "null", "-"};
  const std::vector<decoder_column> columns = fuzz::columns_of_all_types();
  fuzz::check_decoder(make_csv_decoder(columns, options), columns, input.rest(), chosen.buffer_bytes);
  return 0;
}
