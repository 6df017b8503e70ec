#pragma once

#include <string>
#include <string_view>

#include "actors/interfaces.h"
#include "base/bytes.h"
#include "coordination/control_messages.h"

namespace systole {

/// A credit_grant on its way to another process: [8 job][8 term][4 attempt][4 channel][8 bytes], little-endian.
struct remote_credit {
  job_id job;
  attempt_stamp stamp;
  credit_grant what;
};

inline std::string encode_credit(const remote_credit& credit) {
  std::string out;
  append_fixed(out, credit.job.value);
  append_fixed(out, credit.stamp.term.value);
  append_fixed(out, credit.stamp.attempt.value);
  append_fixed(out, credit.what.channel);
  append_fixed(out, credit.what.bytes);
  return out;
}

inline result<remote_credit> decode_credit(std::string_view bytes) {
  byte_reader in(bytes);
  remote_credit made;
  made.job = job_id(in.fixed<uint64_t>());
  made.stamp.term = term_id(in.fixed<uint64_t>());
  made.stamp.attempt = attempt_id(in.fixed<uint32_t>());
  made.what.channel = in.fixed<uint32_t>();
  made.what.bytes = in.fixed<uint64_t>();
  if (!in.ok() || !in.at_end()) return fail(error_code::corrupt, "a credit from another process is damaged");
  return made;
}

}  // namespace systole
