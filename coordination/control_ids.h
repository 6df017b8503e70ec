#pragma once

#include "coordination/control_messages.h"
#include "proto/control.pb.h"

/// Who and which attempt, in the control messages' wire forms.
namespace systole {

inline void put(incarnation_id from, proto::Incarnation& to) {
  to.set_high(from.high);
  to.set_low(from.low);
}
inline incarnation_id get(const proto::Incarnation& from) { return {from.high(), from.low()}; }

inline void put(attempt_stamp from, proto::AttemptStamp& to) {
  to.set_term(from.term.value);
  to.set_attempt(from.attempt.value);
}
inline attempt_stamp get(const proto::AttemptStamp& from) {
  return {term_id(from.term()), attempt_id(from.attempt())};
}

}  // namespace systole
