#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "coordination/barrier_alignment.h"
#include "coordination/credit.h"
#include "coordination/frame_admission.h"
#include "coordination/worker_control.h"
#include "tests/coordination/simulated_storage.h"

namespace systole::testing {

class simulated_cluster;

/// What travels between tasks: rows, a barrier, the end of the channel, or (back) credit.
struct simulated_frame {
  enum class kind { rows, barrier, end, credit } what = kind::rows;
  frame_header header;
  std::vector<simulated_row> rows;
  barrier cut;
};

/// A worker process: worker_control, and tasks as simple as they can be: sources that count, and sinks with an outbox.
/// Task i < p reads splits, task p + i is a shard of both sinks; row n goes to shard n % p. Channel s * p + d.
class simulated_worker {
 public:
  simulated_worker(simulated_cluster& cluster, size_t process) : cluster_(cluster), process_(process) {}
  void start(incarnation_id incarnation);
  void on_message(const coordinator_message& what);
  void on_frame(const simulated_frame& frame);
  void on_peer_lost();
  const worker_control* control() const { return control_.get(); }

 private:
  struct source_task {
    std::map<size_t, uint64_t> positions;
    std::vector<uint64_t> sequence;  ///< by destination
    std::vector<credit_sender> credit;
    bool stopped = false;
    bool ended = false;
  };
  struct sink_task {
    explicit sink_task(size_t channels) : alignment(channels), queues(channels) {}
    barrier_alignment alignment;
    std::vector<std::deque<simulated_frame>> queues;
    struct segment {
      epoch_id epoch;
      std::vector<simulated_row> rows;
    };
    std::deque<segment> sealed;
    std::vector<simulated_row> open;
    epoch_id cut;  ///< the last that was taken
    size_t ends = 0;
  };
  /// One attempt's tasks here.
  struct tasks_here {
    attempt_order order;
    uint32_t parallelism = 1;
    bool running = false;
    bool paused = false;
    std::map<uint32_t, source_task> sources;
    std::map<uint32_t, sink_task> sinks;
    std::optional<frame_admission> admission;
  };

  void tick(uint64_t turn);
  void perform(const worker_control::actions& what);
  void prepare(const attempt_order& order);
  void finish_preparing(const attempt_order& order);
  void read(uint32_t task);
  void end_source(uint32_t task);
  void cut_sources(const barrier& what);
  void cut_sink(uint32_t task, sink_task& it, const barrier& what);
  void drain_queues(uint32_t task, sink_task& it);
  void take(uint32_t task, sink_task& it, size_t from, const simulated_frame& frame);
  void commit(const worker_control::commit& what);
  void durable(uint32_t task, epoch_id epoch, simulated_snapshot made);
  void fail_tasks(const char* why);
  void send_to(uint32_t task, const simulated_frame& what);
  void send_frame(uint32_t from_task, size_t to_shard, simulated_frame what);
  /// After a while, if the same attempt still runs here.
  void later(int64_t least_us, int64_t most_us, std::function<void()> what);

  simulated_cluster& cluster_;
  size_t process_;
  std::unique_ptr<worker_control> control_;
  std::optional<tasks_here> tasks_;
  uint64_t tasks_life_ = 0;
  uint64_t turn_ = 0;
};

}  // namespace systole::testing
