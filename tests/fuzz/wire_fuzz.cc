#include <cstring>
#include <memory>

#include "data/wire.h"
#include "tests/fuzz/fuzz_input.h"

// Reads a batch of the wire format. What can be read can be written and read again, and no text points outside.

namespace {

using namespace systole;

void touch(const column& values) {
  size_t bytes = 0;
  for (size_t row = 0; row < values.size(); ++row) {
    if (values.is_null(row)) continue;
    if (values.type().is_text_like())
      for (const char c : values.text(row)) bytes += static_cast<unsigned char>(c);
    bytes += values.scale(row);
  }
  fuzz::require(bytes != SIZE_MAX, "values can be read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::shared_ptr<char[]> owner(new char[size]);
  if (size) std::memcpy(owner.get(), data, size);
  std::string_view bytes(owner.get(), size);
  const result<batch> read = read_batch(bytes, owner);
  if (!read) return 0;
  for (const column_ptr& each : read->columns()) touch(*each);
  for (size_t i = 0; i < hidden_count; ++i)
    if (const column_ptr& each = read->hidden_column(static_cast<hidden>(i))) touch(*each);
  std::string written;
  append_batch(written, *read);
  std::string_view rest = written;
  const result<batch> again = read_batch(rest);
  fuzz::require(again.has_value() && rest.empty(), "what was read can be written and read");
  std::string twice;
  append_batch(twice, *again);
  fuzz::require(twice == written, "writing is a fixed point");
  return 0;
}
