#include "coordination/attempt_failure.h"

#include <string>

#include "base/error_codes.h"

namespace systole {
namespace {

/// Whole characters of UTF-8 where the text is that.
std::string cut(const std::string& message) {
  if (message.size() <= kept_message_bytes) return message;
  size_t end = kept_message_bytes;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;
  return message.substr(0, end) + "... (" + std::to_string(message.size()) + " bytes)";
}

}  // namespace

proto::LogRecord::Failed to_log(const attempt_failure& failed) {
  proto::LogRecord::Failed made;
  made.set_attempt(failed.attempt);
  made.set_at_us(failed.at_us);
  made.set_restored_from(failed.restored_from.value);
  made.set_code(error_code_name(failed.cause.code));
  made.set_message(cut(failed.cause.message));
  made.set_sqlstate(failed.cause.sqlstate);
  return made;
}

attempt_failure from_log(const proto::LogRecord::Failed& failed) {
  return {static_cast<uint32_t>(failed.attempt()), failed.at_us(), epoch_id(failed.restored_from()),
          fail(error_code_named(failed.code()), failed.message(), failed.sqlstate())};
}

}  // namespace systole
