#include "actors/wire/transport.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <optional>

#include "actors/wire/frame_wire.h"
#include "tests/actors/loopback_process.h"
#include "tests/data/columns.h"

namespace systole::testing::transport_tests {
namespace {

constexpr job_id job(77);
constexpr attempt_stamp stamp{term_id(1), attempt_id(2)};

/// What came out of a process; other threads write, the test waits for it.
struct seen {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<frame_ptr> frames;
  std::vector<credit_grant> grants;
  std::vector<std::string> controls;
  std::vector<std::string> hellos;
  std::vector<failure> broken;

  template <class Change>
  void note(Change change) {
    const std::lock_guard lock(mutex);
    change();
    changed.notify_all();
  }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), condition);
  }
};

/// A process that notes everything; its one task, too.
struct process {
  process() {
    at.emplace(job, stamp,
               gate_events{.control =
                               [this](const caf::strong_actor_ptr&, std::string bytes) {
                                 got.note([&] { got.controls.push_back(std::move(bytes)); });
                               },
                           .hello =
                               [this](std::string identity, wire_actor peer) {
                                 got.note([&] {
                                   at->answer(std::move(peer));
                                   got.hellos.push_back(std::move(identity));
                                 });
                               },
                           .broken =
                               [this](job_id, attempt_stamp, failure cause) {
                                 got.note([&] { got.broken.push_back(std::move(cause)); });
                               }});
    // With an argument: CAF 0.17 makes a reference of a null pointer for actors without.
    task = at->system.spawn(
        [](task_actor::pointer self, seen* into) {
          return only_exchange(
              self, [into](const frame_ptr& what) { into->note([&] { into->frames.push_back(what); }); },
              [into](const credit_grant& grant) { into->note([&] { into->grants.push_back(grant); }); });
        },
        &got);
  }
  ~process() { caf::anon_send(task, end_actor{}); }

  seen got;
  std::optional<loopback_process> at;
  task_actor task;
};

/// Channel 0 goes from `left` to `right`.
struct two_processes : ::testing::Test {
  two_processes() {
    left.at->connect_to(right.at->port);
    EXPECT_TRUE(right.got.wait([this] { return !right.got.hellos.empty(); }));
    route(left, {.job = job, .stamp = stamp, .receivers = {task_actor()}, .senders = {left.task}});
    route(right, {.job = job, .stamp = stamp, .receivers = {right.task}, .senders = {task_actor()}});
  }
  static void route(process& at, frame_route what) {
    caf::anon_send(at.at->gate, open_route{std::make_shared<const frame_route>(std::move(what))});
  }
  static frame_ptr rows(uint64_t sequence, size_t count = 3) {
    auto made = std::make_shared<frame>();
    made->what = frame::kind::rows;
    made->sequence = sequence;
    std::vector<std::optional<int64_t>> values(count, static_cast<int64_t>(sequence));
    made->rows = batch(count, {bigints(values), texts(std::vector<std::optional<std::string>>(count, "patients stay private"))});
    made->bytes = exchange_bytes(made->rows);
    return made;
  }
  void send(frame_ptr what) { caf::anon_send(left.at->remote, std::move(what)); }

  process left, right;
};

TEST_F(two_processes, frames_arrive_in_order_and_whole) {
  constexpr uint64_t frames = 3'000;  // many times what may be under way
  for (uint64_t i = 1; i <= frames; ++i) send(rows(i, 200));
  ASSERT_TRUE(right.got.wait([this] { return right.got.frames.size() == frames; })) << right.got.frames.size();
  for (uint64_t i = 0; i < frames; ++i) {
    const frame& each = *right.got.frames[i];
    ASSERT_EQ(each.sequence, i + 1);
    ASSERT_EQ(each.rows.rows(), 200u);
    ASSERT_EQ(each.rows.at(0).values<int64_t>()[199], static_cast<int64_t>(i + 1));
    ASSERT_EQ(each.rows.at(1).text(199), "patients stay private");
  }
  EXPECT_TRUE(right.got.broken.empty());
}

TEST_F(two_processes, credit_comes_back_to_the_sender) {
  caf::anon_send(right.at->remote, credit_grant{0, 12'345});
  ASSERT_TRUE(left.got.wait([this] { return !left.got.grants.empty(); }));
  EXPECT_EQ(left.got.grants[0].bytes, 12'345u);
}

TEST_F(two_processes, a_lost_frame_fails_the_attempt_once) {
  send(rows(1));
  send(rows(3));
  send(rows(4));
  ASSERT_TRUE(right.got.wait([this] { return !right.got.broken.empty(); }));
  EXPECT_NE(right.got.broken[0].message.find("lost"), std::string::npos) << right.got.broken[0].message;
  caf::anon_send(right.at->gate, close_route{job, stamp});
  caf::anon_send(left.at->link, outgoing_bytes{envelope::control, "end of test"});
  ASSERT_TRUE(right.got.wait([this] { return !right.got.controls.empty(); }));
  EXPECT_EQ(right.got.broken.size(), 1u);
  EXPECT_EQ(right.got.frames.size(), 1u) << "nothing behind a gap may enter";
}

TEST_F(two_processes, a_doubled_frame_enters_once) {
  send(rows(1));
  send(rows(1));
  send(rows(2));
  ASSERT_TRUE(right.got.wait([this] { return right.got.frames.size() == 2; }));
  EXPECT_EQ(right.got.frames[1]->sequence, 2u);
  EXPECT_TRUE(right.got.broken.empty());
}

TEST_F(two_processes, frames_of_another_attempt_are_dropped) {
  const task_actor zombie =
      spawn_remote_tasks(left.at->system, job, attempt_stamp{term_id(1), attempt_id(1)}, left.at->link);
  caf::anon_send(zombie, rows(1));
  send(rows(1));
  ASSERT_TRUE(right.got.wait([this] { return !right.got.frames.empty(); }));
  caf::anon_send(left.at->link, outgoing_bytes{envelope::control, "end of test"});
  ASSERT_TRUE(right.got.wait([this] { return !right.got.controls.empty(); }));
  EXPECT_EQ(right.got.frames.size(), 1u);
  EXPECT_TRUE(right.got.broken.empty());
  caf::anon_send(zombie, end_actor{});
}

TEST_F(two_processes, a_damaged_frame_fails_the_attempt) {
  std::string bytes = encode_frame(job, stamp, *rows(1));
  bytes[bytes.size() - 3] ^= 1;
  caf::anon_send(left.at->link, outgoing_frame{0, bytes});
  ASSERT_TRUE(right.got.wait([this] { return !right.got.broken.empty(); }));
  EXPECT_NE(right.got.broken[0].message.find("checksum"), std::string::npos) << right.got.broken[0].message;
  EXPECT_TRUE(right.got.frames.empty());
}

}  // namespace
}  // namespace systole::testing::transport_tests
