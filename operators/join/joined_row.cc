#include "operators/join/joined_row.h"

#include "base/bytes.h"

namespace systole {
namespace {

enum flag : uint8_t { flag_has_key = 1, flag_emitted = 2 };

}  // namespace

void append_joined_row(std::string& out, const joined_row& row) {
  append_fixed(out, static_cast<uint8_t>((row.has_key ? flag_has_key : 0) | (row.emitted ? flag_emitted : 0)));
  append_hidden(out, row.hidden);
  append_bytes(out, row.table_key);
  append_bytes(out, row.row);
  append_bytes(out, row.result);
}

result<joined_row> read_joined_row(std::string_view bytes) {
  joined_row made;
  byte_reader flags(bytes);
  const auto found = flags.fixed<uint8_t>();
  made.has_key = found & flag_has_key;
  made.emitted = found & flag_emitted;
  std::string_view rest = bytes.substr(std::min<size_t>(1, bytes.size()));
  SYSTOLE_ASSIGN(made.hidden, take_hidden(rest));
  byte_reader in(rest);
  made.table_key = in.bytes();
  made.row = in.bytes();
  made.result = in.bytes();
  if (!flags.ok() || !in.ok() || !in.at_end())
    return fail(error_code::corrupt, "a joined row in state does not match its layout; restore from another checkpoint");
  return made;
}

}  // namespace systole
