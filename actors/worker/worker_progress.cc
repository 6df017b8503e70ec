// How far workers tell each other that their sources have come: worker_shell's part of coordination/source_progress.h.
#include <algorithm>
#include <chrono>
#include <utility>

#include "actors/worker/worker_shell.h"
#include "coordination/source_progress.h"

namespace systole {
namespace {

/// A source may go ahead of another worker's by maxDrift in so much time.
constexpr std::chrono::milliseconds progress_interval{100};

}  // namespace

/// To the other workers of each attempt that has a source with maxDrift; goes on as long as there is one.
void worker_shell::tell_progress() {
  telling_progress_ = false;
  if (stopped_) return;
  for (const auto& [job, each] : hosting_) {
    if (!each.host || !each.world || each.ending || each.order.peers.size() < 2 || each.world->alignments().empty()) continue;
    telling_progress_ = true;
    source_progress what{control_.incarnation(), job, each.order.stamp, {}};
    for (const auto& [step, alignment] : each.world->alignments()) what.sources.push_back({step, alignment->slowest_here()});
    const std::string bytes = encode(what);
    for (const attempt_peer& peer : each.order.peers)
      if (peer.incarnation != what.from) peers_.send(peer.incarnation, envelope::control, bytes);
  }
  if (telling_progress_) post_later(progress_interval, [this] { tell_progress(); });
}

void worker_shell::on_progress(const std::string& bytes) {
  const auto what = decode_source_progress(bytes);
  if (!what) return log_line(log_level::error, "worker", what.error().message);
  const hosting* at = find(what->job, what->stamp);
  if (!at || !at->world) return;
  const bool is_peer = std::any_of(at->order.peers.begin(), at->order.peers.end(),
                                   [&](const attempt_peer& each) { return each.incarnation == what->from; });
  if (!is_peer || what->from == control_.incarnation()) return;
  const std::string who = identity_text(what->from);
  for (const source_progress::standing& each : what->sources)
    if (const auto found = at->world->alignments().find(each.step); found != at->world->alignments().end())
      found->second->hear(who, each.slowest_us);
}

}  // namespace systole
