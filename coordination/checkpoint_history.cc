#include "coordination/checkpoint_history.h"

#include <algorithm>

namespace systole {

namespace {

void take_base(const proto::LogRecord::Base& base, checkpoint_history& made) {
  made = {};
  for (const auto& each : base.completed())
    made.completed.push_back({epoch_id(each.epoch()), each.metadata(), each.savepoint()});
  made.committed = epoch_id(base.committed());
  made.finished = base.finished();
  made.attempts = base.attempts();
  for (const auto& sink : base.sinks()) made.most_shards[sink.step()] = sink.shards();
  made.highest = base.highest();
  made.starts_since = base.starts();
  made.last_attempt = base.attempt();
  made.last_attempt_term = term_id(base.attempt_term());
  made.last_parallelism = base.attempt_parallelism();
  made.wish = base.wish();
  made.parallelism = base.parallelism();
  made.requests.assign(base.requests().begin(), base.requests().end());
  for (const auto& each : base.failures()) made.failures.push_back(from_log(each));
}

void take_asked(const proto::LogRecord::Asked& asked, checkpoint_history& made) {
  if (asked.kind() == proto::LogRecord::RESCALE) made.parallelism = asked.parallelism();
  else made.wish = asked.kind();
  made.requests.push_back(asked.request());
  if (made.requests.size() > kept_requests) made.requests.erase(made.requests.begin());
}

void take_failed(const proto::LogRecord::Failed& failed, checkpoint_history& made) {
  made.failures.push_back(from_log(failed));
  if (made.failures.size() > kept_failures) made.failures.erase(made.failures.begin());
}

}  // namespace

proto::LogRecord folded(const checkpoint_history& history, term_id term, uint32_t retained) {
  proto::LogRecord record;
  record.set_term(term.value);
  proto::LogRecord::Base& base = *record.mutable_base();
  size_t others = 0;
  for (const auto& each : history.completed) others += !each.savepoint;
  const size_t kept = std::max(retained, 1u);
  for (const auto& each : history.completed) {
    const bool is_last = &each == &history.completed.back();
    if (!each.savepoint && others-- > kept && !is_last) continue;
    proto::LogRecord::Completed& completed = *base.add_completed();
    completed.set_epoch(each.epoch.value);
    *completed.mutable_metadata() = each.metadata;
    completed.set_savepoint(each.savepoint);
  }
  base.set_committed(history.committed.value);
  base.set_finished(history.finished);
  base.set_attempts(history.attempts);
  for (const auto& [step, shards] : history.most_shards) {
    proto::LogRecord::SinkShards& sink = *base.add_sinks();
    sink.set_step(step);
    sink.set_shards(shards);
  }
  base.set_highest(history.highest);
  base.set_starts(history.starts_since);
  base.set_attempt(history.last_attempt);
  base.set_attempt_term(history.last_attempt_term.value);
  base.set_attempt_parallelism(history.last_parallelism);
  base.set_wish(history.wish);
  base.set_parallelism(history.parallelism);
  for (const std::string& id : history.requests) base.add_requests(id);
  for (const attempt_failure& each : history.failures) *base.add_failures() = to_log(each);
  return record;
}

result<checkpoint_history> read_history(const std::vector<proto::LogRecord>& log) {
  checkpoint_history made;
  for (const proto::LogRecord& record : log) {
    ++made.records;
    made.term = std::max(made.term, term_id(record.term()));
    switch (record.action_case()) {
      case proto::LogRecord::kStarted:
        ++made.attempts;
        ++made.starts_since;
        made.last_attempt = record.started().attempt();
        made.last_attempt_term = term_id(record.term());
        made.last_parallelism = record.started().parallelism();
        for (const auto& sink : record.started().sinks()) {
          uint32_t& most = made.most_shards[sink.step()];
          most = std::max(most, sink.shards());
        }
        break;
      case proto::LogRecord::kCompleted: {
        const uint64_t epoch = record.completed().epoch();
        if (epoch <= made.highest)
          return fail(error_code::corrupt, "the checkpoint log completes epoch " + std::to_string(epoch) + " after " +
                                               std::to_string(made.highest) + " (record " +
                                               std::to_string(record.sequence()) + ")");
        made.highest = epoch;
        made.starts_since = 1;  // the attempt that completed it goes on
        made.completed.push_back({epoch_id(epoch), record.completed().metadata(), record.completed().savepoint()});
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
      case proto::LogRecord::kLed:
        ++made.starts_since;  // it numbers epochs of the running attempt anew
        break;
      case proto::LogRecord::kAsked: take_asked(record.asked(), made); break;
      case proto::LogRecord::kFailed: take_failed(record.failed(), made); break;
      case proto::LogRecord::kBase: {
        const term_id term = made.term;
        if (&record == &log.front()) take_base(record.base(), made);  // else what it says was read already
        made.term = term;
        made.records = 1;
        break;
      }
      case proto::LogRecord::ACTION_NOT_SET:
        return fail(error_code::incompatible, "the checkpoint log has a record of an unknown kind (record " +
                                                  std::to_string(record.sequence()) + "): a newer version wrote it");
    }
  }
  made.next_epoch = epoch_id(made.highest + 1 + made.starts_since * epochs_reserved_per_attempt);
  return made;
}

}  // namespace systole
