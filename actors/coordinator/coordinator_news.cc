// What coordinator_shell has heard of the workers, for people to look at.
#include <algorithm>
#include <utility>

#include "actors/coordinator/coordinator_shell.h"

namespace systole {

void coordinator_shell::on_news(const std::string& bytes) {
  auto news = decode_worker_news(bytes);
  if (!news) return log_line(log_level::error, "coordinator", news.error().message);
  news_.on_news(std::move(*news), now_us());
}

void coordinator_shell::figures(const std::string& which, const answer<job_figures>& then) const {
  if (!control_) return then(not_leading());
  job_id id;
  const entry* const it = find(which, &id);
  if (!it) return then(unknown_job(which));
  job_figures made;
  made.job = it->name;
  made.state = summary_of(id, *it).state;
  made.at_us = core_->components.time->now_us();
  std::vector<std::string> steps;
  if (it->plan)
    for (const proto::Node& node : it->plan->nodes())
      if (std::find(steps.begin(), steps.end(), node.step()) == steps.end()) steps.push_back(node.step());
  made.steps = news_.figures(id, steps, now_us(), &made.workers);
  then(std::move(made));
}

void coordinator_shell::logs(const log_query& what, const answer<std::vector<process_line>>& then) const {
  constexpr const char* own_name = "coordinator";
  std::vector<process_line> made = what.process == own_name ? std::vector<process_line>() : news_.lines(what.process);
  if (what.process.empty() || what.process == own_name)
    for (logged_line& each : lines_logged_after(0, logged_lines)) made.push_back({own_name, std::move(each)});
  std::stable_sort(made.begin(), made.end(), [](const auto& a, const auto& b) { return a.what.at_us < b.what.at_us; });
  if (made.size() > what.most) made.erase(made.begin(), made.end() - what.most);
  then(std::move(made));
}

}  // namespace systole
