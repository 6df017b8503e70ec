#include "plan/compile.h"
#include "tests/fuzz/fuzz_input.h"

// Compiles a manifest. A plan and errors exclude each other, and every message points into the text.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace systole;
  if (size > 20'000) return 0;
  const std::vector<manifest_source> files = {{"job.yaml", std::string(reinterpret_cast<const char*>(data), size)}};
  compile_options options;
  options.environment = [](const std::string&) { return std::optional<std::string>(); };
  const compile_result made = compile(files, options);
  bool wrong = false;
  for (const diagnostic& each : made.problems) {
    wrong |= each.level == severity::error;
    if (each.at.file == source_position::no_file) continue;
    fuzz::require(each.at.file == 0 && each.at.offset <= size, "a message points into the text");
    fuzz::require(line_column_of(files[0].text, each.at.offset).line > 0, "a message has a line");
  }
  fuzz::require(made.ok() == !wrong, "a plan or errors");
  if (made.ok()) {
    for (const explain_format format : {explain_format::text, explain_format::json, explain_format::dot})
      fuzz::require(!explain(made, format).empty(), "a plan can be explained");
  }
  return 0;
}
