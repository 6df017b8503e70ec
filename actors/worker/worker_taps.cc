// What a worker shows of its tasks' rows: worker_shell's part of coordination/tap_messages.h.
#include <utility>

#include "actors/worker/worker_shell.h"
#include "base/log.h"

namespace systole {

void worker_shell::on_tap_order(const std::string& bytes) {
  const auto order = decode_tap_order(bytes);
  if (!order) return log_line(log_level::error, "worker", order.error().message);
  if (order->term < control_.term()) return;  // of a coordinator that leads no more
  if (!core_->taps) return refuse_taps(*order);
  core_->taps->want(order->steps);
  taps_until_us_ = order->steps.empty() ? 0 : now_us() + limits::tap_lease_ms * timestamp_us{1'000};
  if (!order->steps.empty() && !std::exchange(telling_taps_, true)) tell_taps();
}

void worker_shell::refuse_taps(const tap_order& order) {
  tap_news news{.name = core_->options.name, .samples = {}};
  for (const tapped_step& each : order.steps)
    if (hosting_.contains(each.job)) news.samples.push_back({.of = each, .passed = 0, .rows = {}, .refused = true});
  if (!news.samples.empty()) send_to_leader(encode(news));
}

void worker_shell::tell_taps() {
  if (stopped_) return;
  if (now_us() >= taps_until_us_) {
    core_->taps->want({});
    telling_taps_ = false;
    if (taps_until_us_ > 0)
      log_line(log_level::info, "worker", "shows no rows any more: no coordinator has asked for them for a while");
    return;
  }
  if (tap_news news{core_->options.name, core_->taps->take()}; !news.samples.empty()) send_to_leader(encode(news));
  post_later(std::chrono::milliseconds(limits::tap_fetch_ms), [this] { tell_taps(); });
}

void worker_shell::send_to_leader(const std::string& bytes) {
  if (leader_ < lines_.size() && lines_[leader_].link)
    self_->send(lines_[leader_].link, outgoing_bytes{envelope::control, bytes});
}

}  // namespace systole
