#include "coordination/news_board.h"

#include <algorithm>
#include <utility>

namespace systole {
namespace {

const step_figures* find_step(const std::vector<step_figures>& in, const std::string& step) {
  const auto at = std::find_if(in.begin(), in.end(), [&](const step_figures& each) { return each.step == step; });
  return at == in.end() ? nullptr : &*at;
}

}  // namespace

void news_board::on_news(worker_news what, timestamp_us now_us) {
  if (!workers_.contains(what.name) && workers_.size() >= most_workers)
    workers_.erase(std::min_element(workers_.begin(), workers_.end(), [](const auto& a, const auto& b) {
      return a.second.heard_us < b.second.heard_us;
    }));
  worker& it = workers_[what.name];
  if (it.process != what.process) {
    it.process = what.process;
    it.last_line = 0;  // the lines of its last life stay, its numbers begin anew
    it.jobs.clear();
  }
  it.before_us = it.heard_us;
  it.before = std::move(it.jobs);
  it.heard_us = now_us;
  it.jobs = std::move(what.jobs);
  for (logged_line& each : what.lines) {
    if (each.sequence <= it.last_line) continue;
    it.last_line = each.sequence;
    it.lines.push_back(std::move(each));
    if (it.lines.size() > lines_of_worker) it.lines.pop_front();
  }
}

void news_board::add_rates(step_rates& to, const step_figures& now, job_id job, const worker& of) {
  const auto found = of.before.find(job);
  const step_figures* const before = found == of.before.end() ? nullptr : find_step(found->second, now.step);
  // A count that went back is of a job that was forgotten and came again.
  if (!before || of.heard_us <= of.before_us || now.in < before->in || now.out < before->out) return;
  const double seconds = static_cast<double>(of.heard_us - of.before_us) / 1e6;
  to.in += static_cast<double>(now.in - before->in) / seconds;
  to.out += static_cast<double>(now.out - before->out) / seconds;
  to.busy += std::max(0.0, std::chrono::duration<double>(now.busy - before->busy).count() / seconds);
  to.backpressured +=
      std::max(0.0, std::chrono::duration<double>(now.backpressured - before->backpressured).count() / seconds);
}

std::vector<step_activity> news_board::figures(job_id job, const std::vector<std::string>& steps, timestamp_us now_us,
                                             uint32_t* workers) const {
  std::vector<step_activity> made;
  for (const std::string& step : steps) made.emplace_back().so_far.step = step;
  *workers = 0;
  for (const auto& [name, it] : workers_) {
    const auto found = it.jobs.find(job);
    if (found == it.jobs.end() || now_us - it.heard_us > figures_valid_us) continue;
    ++*workers;
    for (step_activity& report : made) {
      const step_figures* const told = find_step(found->second, report.so_far.step);
      if (!told) continue;
      add_figures(report.so_far, *told);
      add_rates(report.now, *told, job, it);
    }
  }
  return made;
}

std::vector<process_line> news_board::lines(const std::string& worker) const {
  std::vector<process_line> made;
  for (const auto& [name, it] : workers_) {
    if (!worker.empty() && worker != name) continue;
    for (const logged_line& each : it.lines) made.push_back({name, each});
  }
  std::stable_sort(made.begin(), made.end(), [](const auto& a, const auto& b) { return a.what.at_us < b.what.at_us; });
  return made;
}

}  // namespace systole
