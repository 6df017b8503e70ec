#include "coordination/tap_sessions.h"

#include <algorithm>
#include <set>
#include <utility>

namespace systole {

std::string_view name_of(tap_end why) {
  switch (why) {
    case tap_end::rows: return "rows";
    case tap_end::time: return "time";
    case tap_end::job_ended: return "job_ended";
    case tap_end::lead_lost: return "lead_lost";
    case tap_end::refused: return "refused";
  }
  return "unknown";
}

void tap_sessions::open(tapped_step what, const tap_request& with, std::shared_ptr<tap_listener> listener,
                        timestamp_us now_us) {
  session made;
  made.what = std::move(what);
  made.listener = std::move(listener);
  made.until_us = now_us + std::chrono::duration_cast<std::chrono::microseconds>(with.time).count();
  made.rows = with.rows;
  if (full()) return end(made, tap_end::refused, "there are " + std::to_string(limits::taps) + " taps already");
  open_.push_back(std::move(made));
}

void tap_sessions::end(session& which, tap_end why, const std::string& message) {
  which.over = true;
  which.listener->sampled(which.passed, which.shown);
  which.listener->ended(why, message);
}

void tap_sessions::take(session& into, const tap_sample& sample, const std::string& worker) {
  if (sample.refused)
    return end(into, tap_end::refused, "worker " + worker + " shows no rows: it was started without --allow-tap");
  into.passed += sample.passed;
  for (const std::string& each : sample.rows) {
    if (!into.listener->row(each)) {
      into.over = true;
      return;
    }
    if (++into.shown == into.rows) return end(into, tap_end::rows, "all rows that were asked for");
  }
}

void tap_sessions::on_news(const tap_news& news) {
  for (const tap_sample& sample : news.samples)
    for (session& each : open_)
      if (!each.over && each.what == sample.of) take(each, sample, news.name);
  remove_those_over();
}

void tap_sessions::on_time(timestamp_us now_us, const std::function<std::optional<std::string>(job_id)>& over) {
  for (session& each : open_) {
    if (const auto why = over(each.what.job)) end(each, tap_end::job_ended, *why);
    else if (now_us >= each.until_us) end(each, tap_end::time, "the time that was asked for has passed");
    else if (!each.listener->sampled(each.passed, each.shown)) each.over = true;
  }
  remove_those_over();
}

void tap_sessions::end_all(tap_end why, const std::string& message) {
  for (session& each : open_) end(each, why, message);
  open_.clear();
}

void tap_sessions::remove_those_over() {
  std::erase_if(open_, [](const session& each) { return each.over; });
}

std::vector<tapped_step> tap_sessions::wanted() const {
  std::set<tapped_step> made;
  for (const session& each : open_) made.insert(each.what);
  return {made.begin(), made.end()};
}

}  // namespace systole
