// Processes that were frozen and wake up late: what an older attempt, or the coordinator of one, goes on doing in the same
// folders does no harm to the newer one; and a coordinator that takes over an attempt that runs on.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "connectors/outbox/epoch_outbox.h"
#include "freezing_file_system.h"
#include "sink_cases.h"
#include "sink_harness.h"
#include "tests/support/fault_injecting_file_system.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

constexpr int epochs = 6;

struct checkpoint {
  commit_epoch epoch;
  std::string committable, snapshot;
  size_t position = 0;  ///< epochs of input that it covers
  std::vector<shard_commit> shards() const { return {{0, committable}}; }
};

/// A worker's writer: rows of the stream, an epoch each.
class worker {
 public:
  worker(std::unique_ptr<sink_factory> factory, const sink_run::input& rows) : factory_(std::move(factory)), rows_(rows) {
    writer_ = factory_->make_writer(0, 1).value();
  }
  result<void> restore(const checkpoint& from) { return writer_->restore(from.snapshot); }
  result<void> write(size_t position) { return writer_->write(rows_[position][0]); }
  result<checkpoint> seal(uint64_t number, uint64_t previous, size_t position) {
    checkpoint made{{epoch_id(number), epoch_id(previous), "u" + std::to_string(number), position == rows_.size()}, "", "", position};
    SYSTOLE_ASSIGN(sealed_epoch sealed, writer_->seal(made.epoch.epoch, made.epoch.is_final));
    made.committable = sealed.committable;
    made.snapshot = writer_->snapshot();
    return made;
  }
  result<void> make_durable(uint64_t number) { return writer_->make_durable(epoch_id(number)); }
  result<checkpoint> take(uint64_t number, uint64_t previous, size_t position) {
    SYSTOLE_TRY(write(position - 1));
    SYSTOLE_ASSIGN(checkpoint made, seal(number, previous, position));
    SYSTOLE_TRY(make_durable(number));
    return made;
  }
  void on_committed(uint64_t epoch) { factory_->on_committed(epoch_id(epoch)); }

 private:
  std::unique_ptr<sink_factory> factory_;
  const sink_run::input& rows_;
  std::unique_ptr<sink_writer> writer_;
};

class zombies : public ::testing::TestWithParam<sink_case> {
 protected:
  /// One try in a folder of its own.
  struct world {
    temporary_directory folder;
    fault_injecting_file_system files{folder.path()};  // without faults: it spares the disk its syncs
    manual_clock time;
    /// The newest attempt and term, as the job's log has them; what `still_current` says, where it is asked.
    uint64_t attempt = 1, term = 1;
    bool answers_late = false;  ///< still_current says what a process last heard: always yes
  };
  std::unique_ptr<sink_factory> make(world& in, uint64_t attempt, uint64_t term, file_system* files = nullptr) {
    proto::Node node;
    node.set_step("out");
    GetParam().settings(*node.mutable_sink(), in.folder.path());
    connector_context context;
    context.job = "test";
    context.outbox_directory = in.folder / "outbox";
    context.time = &in.time;
    context.files = files ? files : &in.files;
    context.attempt = attempt;
    context.term = term_id(term);
    context.still_current = [&in, attempt, term] { return in.answers_late || (in.attempt <= attempt && in.term <= term); };
    return make_sink(node, {test_columns(), GetParam().changelog, {}}, context).value();
  }
  std::unique_ptr<sink_committer> committer(world& in, uint64_t attempt, uint64_t term, file_system* files = nullptr) {
    kept_.push_back(make(in, attempt, term, files));
    return kept_.back()->make_committer(1).value();
  }
  worker worker_of(world& in, uint64_t attempt) { return {make(in, attempt, in.term), rows_}; }
  std::string published(world& in) { return GetParam().result(in.folder.path()); }

  /// Epochs 1 and 2 of attempt 1: the second is complete, and committed or not.
  checkpoint two_epochs(worker& with, sink_committer& commits, bool committed) {
    EXPECT_TRUE(commits.recover(epoch_id(0)).has_value());
    const checkpoint first = with.take(1, 0, 1).value();
    EXPECT_TRUE(commits.commit(first.epoch, first.shards()).has_value());
    with.on_committed(1);
    const checkpoint second = with.take(2, 1, 2).value();
    if (committed) {
      EXPECT_TRUE(commits.commit(second.epoch, second.shards()).has_value());
    }
    return second;
  }

  /// The rest of the stream, with `between` after every step.
  void run_on(worker& with, sink_committer& commits, checkpoint& last, bool tell, const std::function<void()>& between) {
    const auto good = [&](const result<void>& done) {
      EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
      between();
    };
    uint64_t number = last.epoch.epoch.value;
    while (last.position < rows_.size()) {
      good(with.write(last.position));
      if (last.position % 2 == 1) {  // an epoch that is aborted; its rows join the next
        EXPECT_TRUE(with.seal(++number, last.epoch.epoch.value, last.position).has_value());
        between();
        good(with.make_durable(number));
      }
      auto next = with.seal(++number, last.epoch.epoch.value, last.position + 1);
      ASSERT_TRUE(next.has_value()) << next.error().message;
      between();
      good(with.make_durable(number));
      last = std::move(*next);
      good(commits.commit(last.epoch, last.shards()));
      if (tell) with.on_committed(number);
    }
  }
  /// Publishes the last epoch again, from what is durable.
  void begin_again(world& in, const checkpoint& end) {
    in.attempt = in.term = 4;
    const auto last = committer(in, 4, 4);
    auto done = last->recover(end.epoch.epoch);
    if (done) done = last->commit(end.epoch, end.shards());
    EXPECT_TRUE(done.has_value()) << done.error().message;
  }

  std::string undisturbed() {
    world in;
    worker first = worker_of(in, 1);
    const auto commits = committer(in, 1, 1);
    checkpoint second = two_epochs(first, *commits, true);
    run_on(first, *commits, second, true, [] {});
    return published(in);
  }

  const sink_run::input rows_ = stream(GetParam().changelog, epochs);
  std::vector<std::unique_ptr<sink_factory>> kept_;
};

TEST_P(zombies, a_writer_that_goes_on_after_the_next_attempt_has_begun) {
  const std::string expected = undisturbed();
  ASSERT_FALSE(expected.empty());
  const uint64_t seeds = GetParam().uses_files_only ? 40 : 10;  // SQLite waits for the disk
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    world in;
    worker zombie = worker_of(in, 1);
    const auto first = committer(in, 1, 1);
    checkpoint second = two_epochs(zombie, *first, seed % 2 == 0);
    uint64_t number = 2;
    const auto wakes = [&] {
      for (int n = static_cast<int>(random() % 3); n > 0; --n) {  // whatever it says is nobody's concern
        const uint64_t what = random() % 3;
        if (what == 0) (void)zombie.write(random() % epochs).has_value();
        if (what == 1) (void)zombie.seal(++number, 2, 3).has_value();
        if (what == 2) (void)zombie.make_durable(number).has_value();
      }
    };
    if (seed % 3 == 0) (void)zombie.take(++number, 2, 3).has_value();
    in.attempt = 2;
    const auto commits = committer(in, 2, 1);
    const auto good = [&](const result<void>& done) {
      ASSERT_TRUE(done.has_value()) << done.error().message;
      wakes();
    };
    good(commits->recover(epoch_id(2)));
    good(commits->commit(second.epoch, second.shards()));
    worker next = worker_of(in, 2);
    good(next.restore(second));
    run_on(next, *commits, second, seed % 4 < 2, wakes);
    ASSERT_EQ(published(in), expected);
  }
}

TEST_P(zombies, a_committer_that_recovers_and_commits_late) {
  const std::string expected = undisturbed();
  for (const bool answers_late : {false, true}) {
    size_t steps = 1;
    for (size_t wake_at = 0; wake_at < steps; ++wake_at) {
      SCOPED_TRACE(wake_at);
      world in;
      in.answers_late = answers_late;
      worker first = worker_of(in, 1);
      const auto before = committer(in, 1, 1);
      const checkpoint second = two_epochs(first, *before, false);
      // The coordinator of attempt 1 is about to commit epoch 2, that of attempt 2 about to recover.
      const auto frozen = committer(in, 2, 2);
      size_t step = 0;
      const auto wakes = [&] {
        if (step++ != wake_at) return;
        (void)before->commit(second.epoch, second.shards()).has_value();
        if (auto done = frozen->recover(epoch_id(2)); done) (void)frozen->commit(second.epoch, second.shards()).has_value();
        (void)before->recover(epoch_id(0)).has_value();
      };
      in.attempt = in.term = 3;
      const auto commits = committer(in, 3, 3);
      ASSERT_TRUE(commits->recover(epoch_id(2)).has_value());
      wakes();
      const auto done = commits->commit(second.epoch, second.shards());
      ASSERT_TRUE(done.has_value()) << done.error().message;
      wakes();
      worker next = worker_of(in, 3);
      ASSERT_TRUE(next.restore(second).has_value());
      wakes();
      checkpoint end = second;
      run_on(next, *commits, end, true, wakes);
      steps = step;
      ASSERT_EQ(published(in), expected) << (answers_late ? "its process does not know that it is late" : "");
      // And the next attempt finds all in order.
      begin_again(in, end);
      ASSERT_EQ(published(in), expected);
    }
    ASSERT_GT(steps, 15u);
  }
}

using frozen_committers = zombies;

TEST_P(frozen_committers, at_every_operation_of_a_recovery_and_a_commit) {
  const std::string expected = undisturbed();
  for (const bool answers_late : {false, true})
    for (const bool committed : {false, true})
      for (uint64_t moment = 0;; ++moment) {
        SCOPED_TRACE(std::to_string(moment) + (answers_late ? " late" : "") + (committed ? " committed" : ""));
        world in;
        in.answers_late = answers_late;
        worker first = worker_of(in, 1);
        const auto before = committer(in, 1, 1);
        const checkpoint second = two_epochs(first, *before, committed);
        freezing_file_system slow(in.files);
        in.attempt = in.term = 2;
        const auto frozen = committer(in, 2, 2, &slow);
        std::string cause = "none";
        checkpoint end = second;
        slow.freeze(moment, [&] {
          in.attempt = in.term = 3;
          const auto commits = committer(in, 3, 3);
          auto done = commits->recover(epoch_id(2));
          if (done) done = commits->commit(second.epoch, second.shards());
          cause = done ? "" : done.error().message;
          if (!done) return;
          worker next = worker_of(in, 3);
          EXPECT_TRUE(next.restore(second).has_value());
          run_on(next, *commits, end, true, [] {});
        });
        if (auto done = frozen->recover(epoch_id(2)); done) (void)frozen->commit(second.epoch, second.shards()).has_value();
        if (!slow.was_frozen()) {
          ASSERT_GT(moment, 10u);
          break;
        }
        ASSERT_EQ(cause, "");
        ASSERT_EQ(published(in), expected);
        begin_again(in, end);
        ASSERT_EQ(published(in), expected);
      }
}

TEST_P(zombies, a_new_coordinator_takes_over_what_runs_on) {
  const std::string expected = undisturbed();
  for (const bool committed : {false, true})
    for (const bool old_one_wakes : {false, true})
      for (const bool told : {false, true}) {
        SCOPED_TRACE(std::string(committed ? "committed before, " : "not committed, ") +
                     (old_one_wakes ? "the old one wakes up, " : "") + (told ? "told" : "never told"));
        world in;
        worker runs = worker_of(in, 1);
        const auto old = committer(in, 1, 1);
        checkpoint last = two_epochs(runs, *old, committed);
        ASSERT_TRUE(runs.write(2).has_value());  // of an epoch that is under way
        in.term = 2;
        const auto commits = committer(in, 1, 2);
        const auto good = [&](const result<void>& done) {
          ASSERT_TRUE(done.has_value()) << done.error().message;
          if (old_one_wakes) (void)old->commit(last.epoch, last.shards()).has_value();
        };
        good(commits->adopt(epoch_id(2)));
        good(commits->commit(last.epoch, last.shards()));
        auto third = runs.seal(3, 2, 3);
        ASSERT_TRUE(third.has_value());
        good(runs.make_durable(3));
        good(commits->commit(third->epoch, third->shards()));
        run_on(runs, *commits, *third, told, [] {});
        ASSERT_EQ(published(in), expected);
      }
}

std::vector<sink_case> cases_of_files() {
  std::vector<sink_case> all = sink_cases();
  std::erase_if(all, [](const sink_case& each) { return !each.uses_files_only || each.name == "collect"; });
  return all;
}
INSTANTIATE_TEST_SUITE_P(sinks, frozen_committers, ::testing::ValuesIn(cases_of_files()), [](const auto& each) { return each.param.name; });
INSTANTIATE_TEST_SUITE_P(sinks, zombies, ::testing::ValuesIn(sink_cases()), [](const auto& each) { return each.param.name; });

/// What SQLite's, PostgreSQL's and Kafka's writers keep their rows in.
TEST(epoch_outbox, an_older_attempt_that_goes_on_touches_no_segment_of_a_newer_one) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    temporary_directory folder;
    fault_injecting_file_system files(folder.path());
    const auto outbox = [&](uint64_t attempt) {
      return std::make_unique<epoch_outbox>(files, folder / "out", attempt, 0, std::make_shared<std::atomic<uint64_t>>(0));
    };
    const auto zombie = outbox(1), live = outbox(2);
    uint64_t number = 0;
    const auto wakes = [&] {
      for (int n = static_cast<int>(random() % 4); n > 0; --n) {
        if (random() % 2) (void)zombie->append(test_batch({{1, "zombie"}})).has_value();
        else (void)zombie->seal(epoch_id(++number)).has_value();
      }
    };
    wakes();
    ASSERT_TRUE(remove_later_segments(files, folder / "out", epoch_id(0), 2).has_value());
    std::string committable;
    for (int32_t epoch = 1; epoch <= 5; ++epoch) {
      wakes();
      ASSERT_TRUE(live->append(test_batch({{epoch, "live"}})).has_value());
      wakes();
      committable = live->seal(epoch_id(static_cast<uint64_t>(epoch))).value().committable;
      ASSERT_TRUE(live->make_durable().has_value());
    }
    wakes();
    // A coordinator of attempt 1 that recovers late.
    ASSERT_TRUE(remove_later_segments(files, folder / "out", epoch_id(0), 1).has_value());
    int32_t expected = 1;
    const auto segments = decode_segments(committable).value();
    ASSERT_EQ(segments.size(), 5u);
    for (const outbox_segment& each : segments) {
      const auto read = read_segment(files, each, [&](const batch& rows) -> result<void> {
        EXPECT_EQ(rows.at(0).values<int32_t>()[0], expected++);
        EXPECT_EQ(rows.at(1).text(0), "live");
        return {};
      });
      ASSERT_TRUE(read.has_value()) << read.error().message;
    }
    EXPECT_EQ(expected, 6);
    ASSERT_TRUE(remove_committed_segments(files, folder / "out", segments, 2).has_value());
    EXPECT_TRUE(files.list(folder / "out").value().empty()) << "what the zombie left is gone with the commit";
  }
}

}  // namespace
}  // namespace systole::testing
