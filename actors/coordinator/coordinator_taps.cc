// Rows of steps for users who look: coordinator_shell's part of coordination/tap_sessions.h.
#include <algorithm>
#include <utility>

#include "actors/coordinator/coordinator_shell.h"
#include "base/log.h"
#include "expr/nearest.h"

namespace systole {
namespace {

failure too_many_taps() {
  return fail(error_code::limit_exceeded,
              "there are " + std::to_string(limits::taps) + " taps already: wait for one to end");
}

/// A step that the plan does not have, with those that it has.
failure unknown_step(const std::string& job, const std::string& step, const std::vector<std::string>& steps) {
  std::string message = "job " + job + " has no step " + step;
  const std::vector<std::string> near = nearest_names(step, steps);
  if (!near.empty()) message += ": did you mean " + near.front() + "?";
  message += near.empty() ? ": its steps are " : " Its steps are ";
  for (size_t i = 0; i < steps.size(); ++i) message += (i > 0 ? ", " : "") + steps[i];
  return fail(error_code::not_found, std::move(message));
}

}  // namespace

void coordinator_shell::tap(const std::string& which, const tap_request& what, const answer<tap_opening>& then) const {
  if (!control_) return then(not_leading());
  if (!core_->options.allow_tap)
    return then(
        fail(error_code::incompatible,
             "taps are off in this cluster, as rows are patients' data: start its coordinators and workers with "
             "--allow-tap to allow them to operators"));
  job_id id;
  const entry* const it = find(which, &id);
  if (!it) return then(unknown_job(which));
  if (!it->plan)
    return then(it->broken ? *it->broken : fail(error_code::unavailable, "job " + which + " is being opened"));
  std::vector<std::string> steps;
  for (const proto::Node& node : it->plan->nodes())
    if (std::find(steps.begin(), steps.end(), node.step()) == steps.end()) steps.push_back(node.step());
  if (std::find(steps.begin(), steps.end(), what.step) == steps.end())
    return then(unknown_step(it->name, what.step, steps));
  if (const auto over = emits_no_more(id)) return then(fail(error_code::incompatible, *over));
  if (taps_.full()) return then(too_many_taps());
  then(tap_opening{
      .job = it->name, .step = what.step, .begin = [post = poster(), id, what](std::shared_ptr<tap_listener> listener) {
        post([id, what, listener = std::move(listener)](coordinator_shell& shell) {
          shell.open_tap(id, what, listener);
        });
      }});
}

std::optional<std::string> coordinator_shell::emits_no_more(job_id job) const {
  const auto found = entries_.find(job);
  if (found == entries_.end()) return "the job was removed";
  const std::string state = summary_of(job, found->second).state;
  if (state != "finished" && state != "stopped" && state != "cancelled" && state != "failed") return std::nullopt;
  return "job " + found->second.name + " is " + state;
}

void coordinator_shell::open_tap(job_id job, const tap_request& what, std::shared_ptr<tap_listener> listener) {
  if (!control_) return listener->ended(tap_end::lead_lost, not_leading().message);
  taps_.open({job, what.step}, what, std::move(listener), now_us());
  tell_taps();
  if (!std::exchange(tending_taps_, true)) tend_taps();
}

void coordinator_shell::on_tap_news(const std::string& bytes) {
  const auto news = decode_tap_news(bytes);
  if (!news) return log_line(log_level::error, "coordinator", news.error().message);
  taps_.on_news(*news);
  if (taps_.wanted() != taps_told_) tell_taps();
}

/// Ends what is over and renews what the workers were told, for as long as there are taps.
void coordinator_shell::tend_taps() {
  if (stopped_ || !control_) {
    tending_taps_ = false;
    return;
  }
  taps_.on_time(now_us(), [this](job_id job) { return emits_no_more(job); });
  tell_taps();
  tending_taps_ = !taps_.empty();
  if (tending_taps_) post_later(std::chrono::milliseconds(limits::tap_renew_ms), [this] { tend_taps(); });
}

void coordinator_shell::tell_taps() {
  taps_told_ = taps_.wanted();
  const std::string bytes = encode(tap_order{control_->term(), taps_told_});
  for (const auto& [who, worker] : control_->workers()) peers_.send(who, envelope::control, bytes);
}

/// The term is over; workers stop by themselves when nobody renews what they were told.
void coordinator_shell::end_taps() {
  taps_.end_all(tap_end::lead_lost, "this coordinator leads no more: ask again, or the next one");
  taps_told_.clear();
}

}  // namespace systole
