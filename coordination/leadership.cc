#include "coordination/leadership.h"

#include <algorithm>

namespace systole {

leadership::actions leadership::on_elected() {
  if (role_ != role::follower) return {};
  role_ = role::reading;
  return {{action::kind::read, {}}};
}

leadership::actions leadership::on_lock_lost() {
  const bool led = leads();
  role_ = role::follower;
  if (led) return {{action::kind::step_down, highest_}};
  return {};
}

leadership::actions leadership::on_read(term_id highest) {
  highest_ = std::max(highest_, highest);
  if (role_ != role::reading) return {};
  role_ = role::claiming;
  term_ = term_id(highest_.value + 1);
  return {{action::kind::claim, term_}};
}

leadership::actions leadership::on_claimed(term_id term) {
  // A claim that was answered late, after another: its term is over.
  if (role_ != role::claiming || term != term_) return {};
  if (highest_ > term_) return on_claim_lost();
  role_ = role::leading;
  highest_ = term_;
  return {{action::kind::lead, term_}};
}

leadership::actions leadership::on_claim_lost() {
  if (role_ != role::claiming) return {};
  role_ = role::reading;
  return {{action::kind::read, {}}};
}

leadership::actions leadership::on_term_seen(term_id term) {
  highest_ = std::max(highest_, term);
  if (!leads() || term <= term_) return {};
  role_ = role::follower;
  return {{action::kind::step_down, term}};
}

}  // namespace systole
