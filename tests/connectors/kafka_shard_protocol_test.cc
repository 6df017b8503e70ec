// The exactly-once protocol of Kafka sinks against a modelled broker: transactions, fencing, lost and delayed requests,
// lost replies, time-outs, crashes, zombies, rescaling. Each guard, switched off, lets damage through.
#include "connectors/kafka/kafka_shard_protocol.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "connectors/kafka/kafka_recovery.h"
#include "tests/support/seed.h"

namespace systole::testing {
namespace {

using protocol = kafka_shard_protocol;
using action = protocol::action;
using outcome = protocol::outcome;

struct damage {
  uint64_t lost = 0, doubled = 0;
  uint64_t incomplete = 0;   ///< commits of half a transaction, or of an epoch that is not complete
  uint64_t thrown_out = 0;   ///< producers of the current attempt that an older one fenced
  uint64_t stuck = 0;        ///< runs that stop with an error or do not end
  uint64_t replays = 0;
  uint64_t any() const { return lost + doubled + incomplete + stuck; }
};

/// Kafka's transaction coordinator and one topic, as far as a sink sees them.
struct modelled_broker {
  struct transactional_id {
    uint32_t producer_epoch = 0;
    uint64_t owner = 0;  ///< the attempt that opened it last
    bool open = false;
    bool committed_last = false;
    std::vector<uint64_t> rows;
    std::optional<kafka_marker> marker;
    uint64_t wanted = 0;
  };
  struct delayed_end {
    uint32_t shard = 0, producer_epoch = 0;
    bool commit = false;
  };
  std::map<uint32_t, transactional_id> ids;
  std::map<uint32_t, std::optional<kafka_marker>> markers;
  std::map<uint64_t, uint32_t> rows;  ///< committed, with counts
  std::vector<delayed_end> delayed;
  std::set<std::string> complete;     ///< stagings that the coordinator has completed
  uint64_t incomplete = 0;

  void end(uint32_t shard, bool commit) {
    transactional_id& id = ids[shard];
    if (!id.open) return;
    if (commit) {
      for (uint64_t row : id.rows) ++rows[row];
      if (id.marker) markers[shard] = id.marker;
      const bool whole = id.marker && id.rows.size() == id.marker->rows;
      const bool known = id.marker && (id.marker->staged == marker_begun || complete.contains(id.marker->staged));
      incomplete += !whole || !known;
    }
    id.open = false;
    id.committed_last = commit;
    id.rows.clear();
    id.marker.reset();
  }
};

/// One run of a job from first to last row.
class world {
 public:
  world(uint64_t seed, protocol::guards guards, double faults) : chance_(seed), guards_(guards), faults_(faults) {}

  damage run() {
    start_attempt();
    for (uint64_t step = 0; step < 20'000 && !finished_; ++step) {
      if (step > 600) faults_ = 0;
      if (hit(0.02) && !broker_.delayed.empty()) fire_delayed();
      if (hit(0.004)) crash();
      if (hit(0.01)) time_out_a_transaction();
      for (attempt& zombie : zombies_) turn(zombie);
      turn(now_);
    }
    for (size_t step = 0; step < 400; ++step)
      for (attempt& zombie : zombies_) turn(zombie);
    while (!broker_.delayed.empty()) fire_delayed();
    damage_.stuck += !finished_;
    for (uint64_t row = 0; row < (finished_ ? last_row : position_); ++row) {
      const uint32_t count = broker_.rows[row];
      damage_.lost += count == 0;
      damage_.doubled += count > 1;
    }
    damage_.incomplete += broker_.incomplete;
    return damage_;
  }

 private:
  static constexpr uint64_t last_row = 60;
  struct shard_run {
    protocol decide;
    std::vector<uint64_t> rows;  ///< of what is wanted
    uint32_t shard = 0;
    uint32_t producer_epoch = 0;
    bool done = false;
    bool asked = false;  ///< it was told, since it last opened, that it is the current one
  };
  enum class phase { fencing, resolving, opening, staging, committing, ended };
  struct attempt {
    uint64_t number = 0;
    phase at = phase::fencing;
    uint32_t shards = 1;
    uint64_t previous = 0;
    uint64_t epoch = 0;                              ///< under way
    std::vector<shard_run> runs;
    std::map<uint32_t, std::vector<uint64_t>> held;  ///< outbox of rows without a complete epoch, by shard
    uint64_t position = 0;
  };
  struct checkpoint {
    uint64_t epoch = 0, previous = 0, position = 0;
    std::map<uint32_t, std::pair<std::string, std::vector<uint64_t>>> parts;  ///< by shard: staged, outbox
  };

  bool hit(double p) { return std::uniform_real_distribution<>(0, 1)(chance_) < p * (faults_ > 0); }
  uint64_t pick(uint64_t n) { return std::uniform_int_distribution<uint64_t>(0, n - 1)(chance_); }

  void start_attempt() {
    now_ = {};
    now_.number = ++attempts_;
    now_.shards = 1 + static_cast<uint32_t>(pick(3));
    most_shards_ = std::max(most_shards_, now_.shards);
    next_epoch_ += pick(3);
    now_.position = position_ = last_.position;
    now_.previous = last_.epoch;
    for (uint32_t i = 0; i < most_shards_; ++i) {
      now_.runs.push_back({protocol(guards_), {}, i, 0, false, false});
      now_.runs.back().decide.open();
    }
  }

  void crash() {
    if (hit(0.5)) zombies_.push_back(now_);  // not dead, only thought so
    if (zombies_.size() > 3) zombies_.erase(zombies_.begin());
    start_attempt();
  }

  void fire_delayed() {
    const size_t which = pick(broker_.delayed.size());
    const auto end = broker_.delayed[which];
    broker_.delayed.erase(broker_.delayed.begin() + static_cast<ptrdiff_t>(which));
    if (broker_.ids[end.shard].producer_epoch == end.producer_epoch) broker_.end(end.shard, end.commit);
  }

  void time_out_a_transaction() {
    auto& id = broker_.ids[static_cast<uint32_t>(pick(most_shards_))];
    if (!id.open) return;
    for (auto& [shard, each] : broker_.ids)
      if (&each == &id) broker_.end(shard, false);
    ++id.producer_epoch;
  }

  void turn(attempt& of) {
    if (of.at == phase::ended) return;
    std::vector<shard_run*> open;
    for (shard_run& each : of.runs)
      if (!each.done) open.push_back(&each);
    if (open.empty()) return advance(of);
    shard_run& each = *open[pick(open.size())];
    const action next = each.decide.next();
    if (next == action::done) {
      each.done = true;
    } else if (next == action::stop) {
      of.at = phase::ended;
      if (&of != &now_) return;
      if (faults_ > 0 && each.decide.fenced()) return start_attempt();
      ++damage_.stuck;
      if (damage_.stuck < 3) return start_attempt();
    } else {
      perform(of, each, next);
    }
  }

  /// All shards have reached the phase's goal.
  void advance(attempt& of) {
    const bool current = &of == &now_;
    for (shard_run& each : of.runs) each.done = false;
    switch (of.at) {
      case phase::fencing: return begin_resolving(of);
      case phase::resolving:
        of.at = phase::opening;
        of.runs.resize(of.shards);
        for (shard_run& each : of.runs) {
          each = {protocol(guards_), {}, each.shard, 0, false, false};
          each.decide.open();
        }
        return;
      case phase::opening:
      case phase::committing:
        if (of.at == phase::committing) {
          damage_.replays += count_replays(of);
          if (current && of.position >= last_row) {
            finished_ = true;
            of.at = phase::ended;
            return;
          }
        }
        return cut(of);
      case phase::staging: {
        if (!current) of.at = phase::ended;  // nobody completes a zombie's epoch
        else if (hit(0.2)) cut(of);          // aborted
        else complete(of);
        return;
      }
      case phase::ended: return;
    }
  }

  uint64_t count_replays(const attempt& of) {
    uint64_t sum = 0;
    for (const shard_run& each : of.runs) sum += each.decide.replays();
    return sum;
  }

  kafka_marker marker(const std::string& staged, uint64_t epoch, uint64_t previous, size_t rows) {
    return {.epoch = epoch, .previous = previous, .staged = staged, .rows = rows};
  }

  void begin_resolving(attempt& of) {
    of.at = phase::resolving;
    const checkpoint& from = last_;
    if (from.epoch == 0) return;
    for (shard_run& each : of.runs) {
      recovering_shard facts{{}, each.decide.at()};
      const auto part = from.parts.find(each.shard);
      if (part != from.parts.end()) facts.restored = kafka_committable{part->second.first, {}};
      const auto wanted = part_to_resolve(facts, from.epoch, from.previous, false, guards_.check_marker);
      if (!wanted) {
        of.at = phase::ended;
        if (&of == &now_) ++damage_.stuck;
        return;
      }
      if (!*wanted) continue;
      auto what = **wanted;
      each.rows = part == from.parts.end() ? std::vector<uint64_t>() : part->second.second;
      what.marker.rows = each.rows.size();
      each.decide.resolve(what);
    }
  }

  /// More rows, then an epoch that stages them with those that aborted ones have left.
  void cut(attempt& of) {
    of.at = phase::staging;
    of.epoch = ++next_epoch_;
    for (uint64_t n = pick(6); n > 0 && of.position < last_row; --n, ++of.position)
      of.held[static_cast<uint32_t>(of.position % of.shards)].push_back(of.position);
    for (shard_run& each : of.runs) {
      each.rows = of.held[each.shard];
      protocol::epoch_part part{marker(std::to_string(++stagings_), of.epoch, of.previous, each.rows.size()), {}};
      if (of.previous > 0) part.before = kafka_marker{.epoch = of.previous};
      each.decide.stage(part);
    }
  }

  void complete(attempt& of) {
    last_ = {of.epoch, of.previous, of.position, {}};
    for (const shard_run& each : of.runs) {
      last_.parts[each.shard] = {each.decide.wanted().marker.staged, each.rows};
      broker_.complete.insert(each.decide.wanted().marker.staged);
    }
    of.held.clear();
    of.previous = of.epoch;
    of.at = phase::committing;
    for (shard_run& each : of.runs) each.decide.commit();
  }

  bool stale(const shard_run& of) { return of.producer_epoch != broker_.ids[of.shard].producer_epoch; }

  void perform(attempt& by, shard_run& of, action what) {
    auto& id = broker_.ids[of.shard];
    switch (what) {
      case action::ask_current: of.asked = &by == &now_; return of.decide.on_current(of.asked);
      case action::open: {
        // Who becomes a zombie between question and deed cannot know; the marker keeps that harmless.
        if (&by != &now_ && id.owner == now_.number && !of.asked) ++damage_.thrown_out;
        of.asked = false;
        if (hit(0.2)) return of.decide.on(outcome::retriable);
        id.owner = by.number;
        if (guards_.fence || id.producer_epoch == 0) {
          broker_.end(of.shard, false);
          ++id.producer_epoch;
        }
        if (hit(0.1)) return of.decide.on(outcome::fatal);
        of.producer_epoch = id.producer_epoch;
        return of.decide.on(outcome::ok);
      }
      case action::read_marker:
        if (hit(0.2)) return of.decide.on(outcome::retriable);
        return of.decide.on_marker(broker_.markers[of.shard]);
      case action::begin: return of.decide.on(hit(0.02) ? outcome::fatal : outcome::ok);
      case action::produce: return produce(of, id);
      case action::commit: return end_transaction(of, id, true);
      case action::abort: return end_transaction(of, id, false);
      case action::done:
      case action::stop: break;
    }
  }

  void produce(shard_run& of, modelled_broker::transactional_id& id) {
    if (stale(of)) return of.decide.on(outcome::fatal);
    id.open = true;
    for (uint64_t row : of.rows) {
      if (hit(0.02)) fire_if_delayed(of.shard);
      if (stale(of)) return of.decide.on(outcome::fatal);
      if (hit(0.02)) return of.decide.on(hit(0.5) ? outcome::abortable : outcome::fatal);
      id.open = true;  // a transaction that a delayed request has ended begins anew
      id.rows.push_back(row);
    }
    id.open = true;
    id.marker = of.decide.wanted().marker;
    of.decide.on(outcome::ok);
  }

  void fire_if_delayed(uint32_t shard) {
    for (size_t i = 0; i < broker_.delayed.size(); ++i) {
      const auto end = broker_.delayed[i];
      if (end.shard != shard) continue;
      broker_.delayed.erase(broker_.delayed.begin() + static_cast<ptrdiff_t>(i));
      if (broker_.ids[shard].producer_epoch == end.producer_epoch) broker_.end(shard, end.commit);
      return;
    }
  }

  void end_transaction(shard_run& of, modelled_broker::transactional_id& id, bool commit) {
    if (stale(of)) return of.decide.on(outcome::fatal);
    // The broker answers a repeated end of a transaction that has ended that way with success.
    if (!id.open && id.committed_last != commit) return of.decide.on(outcome::abortable);
    const auto effect = [&] { broker_.end(of.shard, commit); };
    switch (faults_ > 0 ? pick(24) : 23) {
      case 0: return of.decide.on(outcome::retriable);                     // the request is lost
      case 1: effect(); return of.decide.on(outcome::retriable);           // the reply is
      case 2:
      case 3:
        broker_.delayed.push_back({of.shard, of.producer_epoch, commit});
        return of.decide.on(outcome::retriable);
      case 4: effect(); return of.decide.on(outcome::abortable);
      case 5: return of.decide.on(outcome::abortable);
      case 6: effect(); return of.decide.on(outcome::fatal);
      case 7: return of.decide.on(outcome::fatal);
      case 8: if (commit) return of.decide.on(outcome::expired); break;
      case 9: if (commit) { effect(); return of.decide.on(outcome::expired); } break;
      default: break;
    }
    effect();
    of.decide.on(outcome::ok);
  }

  std::mt19937_64 chance_;
  protocol::guards guards_;
  double faults_;
  modelled_broker broker_;
  attempt now_;
  std::vector<attempt> zombies_;
  checkpoint last_;
  uint64_t attempts_ = 0, next_epoch_ = 0, stagings_ = 0, position_ = 0;
  uint32_t most_shards_ = 1;
  bool finished_ = false;
  damage damage_;
};

damage run_worlds(protocol::guards guards, uint64_t from, uint64_t runs, bool stop_at_first) {
  damage sum;
  for (uint64_t seed = from; seed < from + runs; ++seed) {
    const damage each = world(seed, guards, 1).run();
    sum.lost += each.lost;
    sum.doubled += each.doubled;
    sum.incomplete += each.incomplete;
    sum.thrown_out += each.thrown_out;
    sum.stuck += each.stuck;
    sum.replays += each.replays;
    if (stop_at_first && each.any() > 0) {
      ADD_FAILURE() << "seed " << seed << ": lost " << each.lost << ", doubled " << each.doubled << ", incomplete "
                    << each.incomplete << ", stuck " << each.stuck;
      return sum;
    }
  }
  return sum;
}

TEST(kafka_shard_protocol, loses_and_doubles_nothing_in_10000_runs) {
  const uint64_t seed = make_seed();
  RecordProperty("seed", std::to_string(seed));
  const damage found = run_worlds({}, seed, 10'000, true);
  EXPECT_EQ(found.thrown_out, 0u) << "seed " << seed << ": a zombie threw the live sink out";
  EXPECT_GT(found.replays, 1'000u) << "the runs meet what they are for";
}

damage control(bool protocol::guards::*guard) {
  protocol::guards guards;
  guards.*guard = false;
  return run_worlds(guards, 1, 2'000, false);
}

TEST(kafka_shard_protocol_control, without_fencing) { EXPECT_GT(control(&protocol::guards::fence).any(), 0u); }
TEST(kafka_shard_protocol_control, without_reading_the_marker) {
  const damage found = control(&protocol::guards::read_marker);
  EXPECT_GT(found.doubled, 0u);
}
TEST(kafka_shard_protocol_control, without_the_marker_s_word) {
  const damage found = control(&protocol::guards::check_marker);
  EXPECT_GT(found.doubled, 0u);
}
TEST(kafka_shard_protocol_control, without_asking_whether_the_attempt_is_current) {
  EXPECT_GT(control(&protocol::guards::ask_current).thrown_out, 0u);
}
TEST(kafka_shard_protocol_control, without_opening_anew_after_a_retried_end) {
  const damage found = control(&protocol::guards::reopen_after_retry);
  EXPECT_GT(found.lost + found.doubled + found.incomplete, 0u);
}

kafka_shard_protocol opened(std::optional<kafka_marker> at) {
  kafka_shard_protocol made;
  made.open();
  EXPECT_EQ(made.next(), action::ask_current);
  made.on_current(true);
  EXPECT_EQ(made.next(), action::open);
  made.on(outcome::ok);
  EXPECT_EQ(made.next(), action::read_marker);
  made.on_marker(std::move(at));
  EXPECT_EQ(made.next(), action::done);
  return made;
}

TEST(kafka_shard_protocol, rows_that_the_broker_refuses_stop_it_and_leave_no_transaction_open) {
  kafka_shard_protocol made = opened(std::nullopt);
  made.stage({{.epoch = 1, .staged = "a"}, {}});
  EXPECT_EQ(made.next(), action::begin);
  made.on(outcome::ok);
  EXPECT_EQ(made.next(), action::produce);
  made.on(outcome::refused);
  EXPECT_EQ(made.next(), action::abort);
  made.on(outcome::ok);
  EXPECT_EQ(made.next(), action::stop);
}

TEST(kafka_shard_protocol, stops_at_a_marker_that_is_not_its_own) {
  using marker = kafka_marker;
  const struct {
    std::optional<marker> at;
    action expected;
  } cases[] = {
      {marker{.epoch = 4, .staged = "p"}, action::begin},   // the one before: replay
      {marker{.epoch = 6, .staged = "n"}, action::done},    // itself
      {marker{.epoch = 6, .staged = "x"}, action::stop},    // its number, another's rows
      {marker{.epoch = 5, .staged = "n"}, action::stop},
      {marker{.epoch = 3, .staged = "o"}, action::stop},    // older
      {marker{.epoch = 7, .staged = "y"}, action::stop},    // newer
      {std::nullopt, action::stop},
  };
  for (const auto& each : cases) {
    kafka_shard_protocol made = opened(each.at);
    made.resolve({{.epoch = 6, .staged = "n"}, marker{.epoch = 4}});
    EXPECT_EQ(made.next(), each.expected) << describe(each.at);
    if (each.expected == action::stop) {
      EXPECT_NE(made.why().find(describe(each.at)), std::string::npos) << made.why();
    }
  }
}

TEST(kafka_marker, is_read_as_it_was_written_and_not_when_it_was_changed) {
  const kafka_marker made{.epoch = 12, .previous = 9, .staged = "3f2a", .rows = 1234, .xxh3 = 0xabcdef0123456789u};
  const std::string key = marker_key("job", "sink", 2), text = encode_marker(key, made);
  EXPECT_EQ(key, "job/sink/2");
  ASSERT_TRUE(decode_marker(key, text).has_value());
  EXPECT_EQ(*decode_marker(key, text), made);
  EXPECT_FALSE(decode_marker(marker_key("job", "sink", 3), text).has_value());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == '1' ? '2' : '1';
    EXPECT_FALSE(decode_marker(key, changed).has_value()) << changed;
    EXPECT_FALSE(decode_marker(key, text.substr(0, i)).has_value());
  }
}

}  // namespace
}  // namespace systole::testing
