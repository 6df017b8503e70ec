#include "coordination/attempt_members.h"

#include <algorithm>
#include <utility>

namespace systole {

attempt_members::attempt_members(job_id job, attempt_stamp stamp, std::vector<member> members)
    : members_(std::move(members)) {
  wanted_.job = job;
  wanted_.stamp = stamp;
}

attempt_order attempt_members::order_for(const member& to, term_id term) const {
  attempt_order made = wanted_;
  made.term = term;
  made.to = to.incarnation;
  if (made.goal != attempt_goal::ended) made.tasks = to.tasks;
  if (made.goal == attempt_goal::prepared)
    for (const member& each : members_) made.peers.push_back({each.incarnation, each.address, each.tasks});
  return made;
}

std::vector<attempt_order> attempt_members::orders(term_id term) const {
  std::vector<attempt_order> made;
  for (const member& each : members_)
    if (!each.gone) made.push_back(order_for(each, term));
  return made;
}

bool attempt_members::differs(const member& which) const {
  const attempt_report& seen = *which.seen;
  if (wanted_.goal == attempt_goal::ended) return seen.phase != attempt_phase::ending;
  if (wanted_.goal == attempt_goal::prepared) return false;
  if (seen.phase == attempt_phase::prepared) return true;
  if (seen.phase != attempt_phase::running) return false;
  return (wanted_.drain && !seen.drained) || wanted_.pause != seen.paused || wanted_.closed > seen.closed ||
         wanted_.committed > seen.committed || wanted_.all_paused || wanted_.inputs_ended;
}

std::optional<attempt_order> attempt_members::on_report(incarnation_id from, const attempt_report& report,
                                                        term_id term) {
  for (member& each : members_) {
    if (each.incarnation != from || each.gone) continue;
    each.seen = report;
    if (differs(each)) return order_for(each, term);
  }
  return std::nullopt;
}

std::optional<attempt_order> attempt_members::on_absent(incarnation_id from, term_id term, bool& lost) {
  lost = false;
  for (member& each : members_) {
    if (each.incarnation != from || each.gone) continue;
    if (wanted_.goal == attempt_goal::ended) each.gone = true;
    else if (each.seen) lost = true;
    else return order_for(each, term);
  }
  return std::nullopt;
}

bool attempt_members::on_gone(incarnation_id worker) {
  for (member& each : members_)
    if (each.incarnation == worker) return !std::exchange(each.gone, true);
  return false;
}

bool attempt_members::all(attempt_phase phase) const {
  return std::all_of(members_.begin(), members_.end(),
                     [&](const member& each) { return !each.gone && each.seen && each.seen->phase == phase; });
}
bool attempt_members::all_gone() const {
  return std::all_of(members_.begin(), members_.end(), [](const member& each) { return each.gone; });
}
bool attempt_members::all_paused() const {
  return std::all_of(members_.begin(), members_.end(),
                     [](const member& each) { return each.seen && each.seen->paused; });
}
bool attempt_members::all_inputs_ended() const {
  return std::all_of(members_.begin(), members_.end(),
                     [](const member& each) { return each.seen && each.seen->inputs_ended; });
}
bool attempt_members::any_wants_epoch() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const member& each) { return each.seen && each.seen->wants_epoch; });
}
bool attempt_members::any_pressed() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const member& each) { return each.seen && each.seen->pressed; });
}
bool attempt_members::any_stopping() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const member& each) { return each.seen && each.seen->stopping; });
}

const failure* attempt_members::first_failure() const {
  for (const member& each : members_)
    if (each.seen && each.seen->phase == attempt_phase::failed && each.seen->cause) return &*each.seen->cause;
  return nullptr;
}

const attempt_members::member* attempt_members::find(incarnation_id worker) const {
  for (const member& each : members_)
    if (each.incarnation == worker) return &each;
  return nullptr;
}

const attempt_members::member* attempt_members::of_task(uint32_t task) const {
  for (const member& each : members_)
    if (std::find(each.tasks.begin(), each.tasks.end(), task) != each.tasks.end()) return &each;
  return nullptr;
}

}  // namespace systole
