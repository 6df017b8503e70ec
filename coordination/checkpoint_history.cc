#include "coordination/checkpoint_history.h"

#include <algorithm>

namespace systole {

result<checkpoint_history> read_history(const std::vector<proto::LogRecord>& log) {
  checkpoint_history made;
  uint64_t highest = 0;       // completed epoch
  uint64_t starts_since = 0;  // attempts that may have used numbers after `highest`
  for (const proto::LogRecord& record : log) {
    made.term = std::max(made.term, term_id(record.term()));
    switch (record.action_case()) {
      case proto::LogRecord::kStarted:
        ++made.attempts;
        ++starts_since;
        for (const auto& sink : record.started().sinks()) {
          uint32_t& most = made.most_shards[sink.step()];
          most = std::max(most, sink.shards());
        }
        break;
      case proto::LogRecord::kCompleted: {
        const uint64_t epoch = record.completed().epoch();
        if (epoch <= highest)
          return fail(error_code::corrupt, "the checkpoint log completes epoch " + std::to_string(epoch) + " after " +
                                               std::to_string(highest) + " (record " +
                                               std::to_string(record.sequence()) + ")");
        highest = epoch;
        starts_since = 1;  // the attempt that completed it goes on
        made.completed.push_back({epoch_id(epoch), record.completed().metadata()});
        break;
      }
      case proto::LogRecord::kCommitted: made.committed = epoch_id(record.committed().epoch()); break;
      case proto::LogRecord::kFinished:
        made.finished = true;
        made.committed = epoch_id(record.finished().epoch());
        break;
      case proto::LogRecord::kRewound: {
        const uint64_t to = record.rewound().to_epoch();
        while (!made.completed.empty() && made.completed.back().epoch.value > to) made.completed.pop_back();
        if (to != 0 && (made.completed.empty() || made.completed.back().epoch.value != to))
          return fail(error_code::corrupt,
                      "the checkpoint log rewinds to epoch " + std::to_string(to) + ", which it does not hold");
        made.finished = false;
        made.committed = std::min(made.committed, epoch_id(to));
        break;
      }
      case proto::LogRecord::ACTION_NOT_SET:
        return fail(error_code::incompatible, "the checkpoint log has a record of an unknown kind (record " +
                                                  std::to_string(record.sequence()) + "): a newer version wrote it");
    }
  }
  made.next_epoch = epoch_id(highest + 1 + starts_since * epochs_reserved_per_attempt);
  return made;
}

}  // namespace systole
