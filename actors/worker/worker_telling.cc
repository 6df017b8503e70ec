// What a worker tells of itself for people to look at: worker_shell's part of coordination/worker_news.h.
#include <utility>

#include "actors/job_meter.h"
#include "actors/worker/worker_shell.h"
#include "coordination/worker_news.h"

namespace systole {
namespace {

constexpr std::chrono::seconds news_interval{1};

step_figures figures_of(const step_metrics& from) {
  step_figures made;
  made.step = from.step;
  made.in = from.in;
  made.out = from.out;
  made.rejected = from.rejected;
  made.late = from.late;
  made.busy = from.busy;
  made.backpressured = from.backpressured;
  made.watermark = from.watermark;
  made.state_bytes = from.state_bytes;
  made.queue_bytes = from.queue_bytes;
  made.lag_records = from.lag_records;
  return made;
}

}  // namespace

void worker_shell::tell_news() {
  if (stopped_) return;
  worker_news news;
  news.name = core_->options.name;
  news.process = process_;
  {
    const std::lock_guard lock(core_->mutex);
    for (const auto& [job, meter] : core_->meters)
      if (hosting_.contains(job))
        for (const step_metrics& each : meter->read().steps) news.jobs[job].push_back(figures_of(each));
  }
  bool heard = false;
  for (const line& each : lines_) heard = heard || each.link;
  if (heard) {
    news.lines = lines_logged_after(told_line_, worker_news::most_lines);
    if (!news.lines.empty()) told_line_ = news.lines.back().sequence;
    const std::string bytes = encode(news);
    for (const line& each : lines_)
      if (each.link) self_->send(each.link, outgoing_bytes{envelope::control, bytes});
  }
  post_later(news_interval, [this] { tell_news(); });
}

}  // namespace systole
