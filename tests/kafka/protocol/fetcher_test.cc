// What a reader sees of partitions whose brokers come, go and move (fake_cluster.h).
#include "tests/kafka/protocol/fetcher_fixture.h"

namespace systole {
namespace fetcher_test {

using namespace systole::testing;
using ::testing::IsSupersetOf;

/// Values "0", "1", ... in batches of one or two.
fake_log counted(int64_t records) {
  fake_log made;
  while (made.end() < records)
    if (made.end() % 3 == 0) made.add({std::to_string(made.end())});
    else made.add({std::to_string(made.end()), std::to_string(made.end() + 1)});
  return made;
}
std::vector<std::string> counted_texts(int64_t from, int64_t behind) {
  std::vector<std::string> made;
  for (int64_t i = from; i < behind; ++i) made.push_back(std::to_string(i) + "=" + std::to_string(i));
  made.push_back("all before " + std::to_string(behind));
  return made;
}

TEST(kafka_fetcher, gives_all_records_then_says_so) {
  fake_cluster cluster(1);
  fake_log log = counted(7);
  cluster.leaders.partitions = {{0, 1}};
  asked_fetch first;
  int fetches = 0;
  cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    if (++fetches == 1) first = asked;
    return give({log.part(0, asked.offset_of(0))});
  };
  fetching it(cluster);
  it.options.rack = "ward";
  it.options.fetch_max_bytes = 5000;
  it.options.partition_bytes = 700;
  it.options.fetch_min_bytes = 3;
  kafka_partition_feed& feed = it.read(0, 2);
  EXPECT_EQ(it.next_all(feed), counted_texts(2, 7));
  EXPECT_EQ(feed.known_end(), 7);
  // That is said once.
  int before = 0;
  cluster.locked([&] { before = fetches; });
  ASSERT_TRUE(cluster.comes_true([&] { return fetches > before + 2; }));
  EXPECT_FALSE(feed.has_queued());
  // And those that come later.
  cluster.locked([&] { log.add({"7"}); });
  EXPECT_EQ(it.next_all(feed), counted_texts(7, 8));
  it.finish();
  EXPECT_EQ(first.isolation, 1);
  EXPECT_EQ(first.rack, "ward");
  EXPECT_EQ(first.max_wait_ms, 20);
  EXPECT_EQ(first.max_bytes, 5000);
  EXPECT_EQ(first.partition_bytes, 700);
  EXPECT_EQ(first.min_bytes, 3);
}

TEST(kafka_fetcher, asks_for_as_much_of_a_partition_as_may_wait) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}};
  int32_t bytes = 0;
  cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    bytes = asked.partition_bytes;
    return give({{.partition = 0, .last_stable = 0}});
  };
  fetching it(cluster, 3 << 20);
  it.read(0);
  ASSERT_TRUE(cluster.comes_true([&] { return bytes != 0; }));
  it.finish();
  EXPECT_EQ(bytes, 3 << 20);
}

TEST(kafka_fetcher, leaves_out_what_was_aborted) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}};
  const std::string batches = bytes_of({.records = {{.value = "no"}}, .attributes = is_transactional, .producer = 9}) + values_at(1, {"yes"}) + end_mark(2, 9, false);
  cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    return give({{.partition = 0, .last_stable = 3, .aborted = {{9, 0}}, .records = asked.offset_of(0) < 3 ? batches : ""}});
  };
  fetching it(cluster);
  EXPECT_EQ(it.next_all(it.read(0)), (std::vector<std::string>{"1=yes", "all before 3"}));
}

TEST(kafka_fetcher, reads_partitions_of_several_brokers_side_by_side) {
  fake_cluster cluster(3);
  cluster.leaders.partitions = {{0, 1}, {1, 2}, {2, 2}, {3, 1}};
  const fake_log log = counted(10);
  cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    std::vector<fetched_part> parts;
    for (const auto& each : asked.partitions) parts.push_back(log.part(each.number, each.offset, 2));
    return give(parts);
  };
  fetching it(cluster);
  std::vector<kafka_partition_feed*> feeds;
  for (uint32_t partition = 0; partition < 4; ++partition) feeds.push_back(&it.read(partition, partition));
  for (int64_t partition = 0; partition < 4; ++partition) EXPECT_EQ(it.next_all(*feeds[static_cast<size_t>(partition)]), counted_texts(partition, 10));
  // The third broker leads nothing.
  EXPECT_LT(it.end().count(), 5000);
}

TEST(kafka_fetcher, follows_a_leader_that_moves) {
  fake_cluster cluster(2);
  cluster.leaders.partitions = {{0, 1}};
  const fake_log log = counted(10);
  std::vector<int32_t> asked_of;
  cluster.fetch = [&](int32_t node, const asked_fetch& asked) {
    asked_of.push_back(node);
    // It moves with each error, and twice on the way to somewhere.
    const bool is_led = cluster.leaders.partitions[0].leader == node;
    const int64_t offset = asked.offset_of(0);
    if (is_led && asked_of.size() % 4 == 0 && offset < log.end()) {
      cluster.leaders.partitions = {{0, 3 - node}};
      return give({{.partition = 0, .error = 6}});
    }
    return is_led ? give({log.part(0, offset)}) : give({{.partition = 0, .error = 6}});
  };
  fetching it(cluster);
  EXPECT_EQ(it.next_all(it.read(0)), counted_texts(0, 10));
  it.finish();
  EXPECT_THAT(asked_of, IsSupersetOf({1, 2, 1}));
}

TEST(kafka_fetcher, waits_for_a_leader_where_there_is_none) {
  fake_cluster cluster(1);
  const fake_log log = counted(3);
  int looks = 0;
  cluster.metadata = [&](int32_t) {
    metadata_answer made = cluster.leaders;
    if (++looks == 2) made.partitions = {{0, -1}};
    if (looks == 3) made.partitions = {{0, 9}};  // a node that is not there
    if (looks == 4) made.error = 5;
    if (looks > 4) made.partitions = {{0, 1}};
    return reaction{made.bytes()};
  };
  cluster.fetch = [&](int32_t, const asked_fetch& asked) { return give({log.part(0, asked.offset_of(0))}); };
  fetching it(cluster);
  EXPECT_EQ(it.next_all(it.read(0)), counted_texts(0, 3));
}

TEST(kafka_fetcher, errors_that_pass_are_not_told) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}};
  const fake_log log = counted(6);
  std::vector<int16_t> errors = {3, 5, 6, 7, 8, 9, 13, 56, 74, 75, 78};
  cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    if (errors.empty()) return give({log.part(0, asked.offset_of(0))});
    const int16_t error = errors.back();
    errors.pop_back();
    return give({{.partition = 0, .error = error}});
  };
  fetching it(cluster);
  EXPECT_EQ(it.next_all(it.read(0)), counted_texts(0, 6));
}

TEST(kafka_fetcher, a_connection_that_is_cut_loses_and_doubles_nothing) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}};
  const fake_log log = counted(60);
  // Each answer is cut somewhere else first: in its length, head, body, and before its last byte.
  size_t cut = 0, fetches = 0;
  cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    reaction made = give({log.part(0, asked.offset_of(0))});
    if (++fetches % 2 == 1 && !made.waits) {
      const size_t whole = 8 + made.body.size();
      constexpr size_t places[] = {0, 1, 4, 7, 8, 30, 71, 90, 130};
      made.cut_after = cut < std::size(places) ? places[cut] : whole - 1 - cut % 7;
      ++cut;
    }
    return made;
  };
  fetching it(cluster);
  EXPECT_EQ(it.next_all(it.read(0)), counted_texts(0, 60));
  EXPECT_FALSE(it.fetcher->failed());
  it.finish();
  EXPECT_GT(cut, 20u);
}

TEST(kafka_fetcher, a_broker_that_goes_away_while_it_is_asked_for_leaders_is_asked_again) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}};
  const fake_log log = counted(3);
  int versions = 0, looks = 0;
  cluster.versions = [&, answer = cluster.versions](int32_t node) {
    reaction made = answer(node);
    if (++versions < 4) made.cut_after = static_cast<size_t>(versions) * 3;
    return made;
  };
  cluster.metadata = [&](int32_t) {
    reaction made{cluster.leaders.bytes()};
    if (++looks < 4) made.cut_after = static_cast<size_t>(looks) * 20;
    return made;
  };
  cluster.fetch = [&](int32_t, const asked_fetch& asked) { return give({log.part(0, asked.offset_of(0))}); };
  fetching it(cluster);
  EXPECT_EQ(it.next_all(it.read(0)), counted_texts(0, 3));
}

TEST(kafka_fetcher, another_broker_is_asked_where_the_first_one_is_away) {
  fake_cluster cluster(2);
  cluster.leaders.partitions = {{0, 2}};
  const fake_log log = counted(3);
  cluster.fetch = [&](int32_t, const asked_fetch& asked) { return give({log.part(0, asked.offset_of(0))}); };
  fetching it(cluster);
  it.options.bootstrap.insert(it.options.bootstrap.begin(), {"127.0.0.1", 1});
  EXPECT_EQ(it.next_all(it.read(0)), counted_texts(0, 3));
}

TEST(kafka_fetcher, an_offset_is_out_of_range_when_it_is_said_twice) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}};
  const fake_log log = counted(6);
  int said = 0;
  cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    const int64_t offset = asked.offset_of(0);
    // Once for 0 and once for 3, which are there.
    if ((offset == 0 && said == 0) || (offset == 3 && said == 1)) {
      ++said;
      return give({{.partition = 0, .error = 1}});
    }
    return give({log.part(0, offset)});
  };
  fetching it(cluster);
  EXPECT_EQ(it.next_all(it.read(0)), counted_texts(0, 6));
  it.finish();
  EXPECT_EQ(said, 2);
}

TEST(kafka_fetcher, says_that_an_offset_is_not_there_and_asks_no_more) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}, {1, 1}};
  int asked_for_it = 0, others = 0;
  const fake_log log = counted(3);
  cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    std::vector<fetched_part> parts;
    if (asked.offset_of(0) >= 0) {
      ++asked_for_it;
      parts.push_back({.partition = 0, .error = 1});
    }
    if (asked.offset_of(1) >= 0) {
      ++others;
      parts.push_back(log.part(1, asked.offset_of(1)));
    }
    return give(parts);
  };
  fetching it(cluster);
  EXPECT_EQ(it.next(it.read(0, 40)), "no 40");
  EXPECT_EQ(it.next_all(it.read(1)), counted_texts(0, 3));
  int before = 0;
  cluster.locked([&] { before = others; });
  EXPECT_TRUE(cluster.comes_true([&] { return others > before + 3; }));
  cluster.locked([&] { EXPECT_EQ(asked_for_it, 2); });
}

TEST(kafka_fetcher, reads_from_the_replica_that_the_leader_names) {
  fake_cluster cluster(2);
  cluster.leaders.partitions = {{0, 1}};
  const fake_log log = counted(9);
  int asked_leader = 0;
  cluster.fetch = [&](int32_t node, const asked_fetch& asked) {
    if (node == 2) return give({log.part(0, asked.offset_of(0))});
    ++asked_leader;
    return reaction{fetch_answer("vitals", {{.partition = 0, .last_stable = log.end(), .preferred = 2}})};
  };
  fetching it(cluster);
  EXPECT_EQ(it.next_all(it.read(0)), counted_texts(0, 9));
  it.finish();
  EXPECT_EQ(asked_leader, 1);
}

TEST(kafka_fetcher, asks_where_a_replica_is_that_it_does_not_know) {
  fake_cluster cluster(2);
  cluster.leaders.partitions = {{0, 1}};
  cluster.leaders.nodes = {cluster.node(1)};
  const fake_log log = counted(9);
  int looks = 0;
  cluster.metadata = [&](int32_t) {
    if (++looks == 3) cluster.leaders.nodes.push_back(cluster.node(2));  // it came later
    return reaction{cluster.leaders.bytes()};
  };
  cluster.fetch = [&](int32_t node, const asked_fetch& asked) {
    if (node == 2) return give({log.part(0, asked.offset_of(0))});
    return reaction{fetch_answer("vitals", {{.partition = 0, .last_stable = log.end(), .preferred = 2}})};
  };
  fetching it(cluster);
  EXPECT_EQ(it.next_all(it.read(0)), counted_texts(0, 9));
}

TEST(kafka_fetcher, goes_back_to_the_leader_where_the_replica_is_away) {
  fake_cluster cluster(2);
  cluster.leaders.partitions = {{0, 1}};
  const fake_log log = counted(9);
  int asked_replica = 0;
  cluster.fetch = [&](int32_t node, const asked_fetch& asked) {
    reaction made = give({log.part(0, asked.offset_of(0))});
    if (node == 1) return asked_replica < 2 ? reaction{fetch_answer("vitals", {{.partition = 0, .last_stable = log.end(), .preferred = 2}})} : made;
    if (++asked_replica == 2) made.cut_after = 20;
    return made;
  };
  fetching it(cluster);
  EXPECT_EQ(it.next_all(it.read(0)), counted_texts(0, 9));
  it.finish();
  EXPECT_EQ(asked_replica, 2);
}

TEST(kafka_fetcher, a_slow_reader_bounds_what_is_fetched) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}, {1, 1}};
  fake_log log;
  for (int i = 0; i < 100; ++i) log.add({std::string(10'000, 'x')});
  const size_t batch_bytes = log.from(0, 1).size();
  size_t given = 0, without = 0;  // batches given; requests since that do not ask for more
  int32_t wait_beside = -1;
  cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    std::vector<fetched_part> parts;
    if (const int64_t offset = asked.offset_of(0); offset >= 0) {
      parts.push_back(log.part(0, offset));
      ++given;
      without = 0;
    } else {
      ++without;
      wait_beside = asked.max_wait_ms;
    }
    if (asked.offset_of(1) >= 0) parts.push_back({.partition = 1, .last_stable = 0});
    return give(parts);
  };
  fetching it(cluster, 3 * batch_bytes);
  kafka_partition_feed& slow = it.read(0);
  EXPECT_EQ(it.next(it.read(1)), "all before 0");
  for (size_t taken = 0; taken < 10; ++taken) {
    // Nothing more is asked for, while the other partition is not held up.
    ASSERT_TRUE(cluster.comes_true([&] { return given > 0 && without > 3; })) << taken;
    cluster.locked([&] {
      EXPECT_EQ(given, taken + 3) << "3 wait";
      EXPECT_LT(wait_beside, 20);
      without = 0;
    });
    EXPECT_EQ(it.next(slow).substr(0, 3), std::to_string(taken) + "=" + (taken < 10 ? "x" : ""));
    ASSERT_TRUE(cluster.comes_true([&] { return given == taken + 4; })) << taken;
  }
}

TEST(kafka_fetcher, goes_on_when_a_reader_has_room_again) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}};
  const fake_log log = counted(30);
  cluster.fetch = [&](int32_t, const asked_fetch& asked) { return give({log.part(0, asked.offset_of(0))}); };
  fetching it(cluster, 1);
  EXPECT_EQ(it.next_all(it.read(0)), counted_texts(0, 30));
}

TEST(kafka_fetcher, partitions_of_one_answer_take_turns_and_lie_in_blocks_of_their_own) {
  fake_cluster cluster(1);
  const fake_log log = counted(30);
  std::vector<int32_t> first;
  cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    std::vector<fetched_part> parts;
    for (const auto& each : asked.partitions) parts.push_back(log.part(each.number, each.offset));
    if (parts.size() == 3) first.push_back(parts[0].partition);
    return give(parts);
  };
  fetching it(cluster);
  std::vector<kafka_partition_feed*> feeds;
  for (uint32_t partition = 0; partition < 3; ++partition) feeds.push_back(&it.read(partition));
  cluster.locked([&] { cluster.leaders.partitions = {{0, 1}, {1, 1}, {2, 1}}; });  // all are begun at once
  // Decoders write into a block, each for its partition (kafka_value_lines).
  std::vector<kafka_block> blocks;
  for (kafka_partition_feed* const each : feeds) {
    EXPECT_EQ(it.next(*each), "0=0");
    blocks.push_back(each->block());
  }
  EXPECT_NE(blocks[0].bytes, blocks[1].bytes);
  EXPECT_NE(blocks[1].bytes, blocks[2].bytes);
  ASSERT_TRUE(cluster.comes_true([&] { return first.size() > 5; }));
  cluster.locked([&] { EXPECT_THAT(first, IsSupersetOf({0, 1, 2})); });
}

TEST(kafka_fetcher, a_partition_that_is_left_takes_nothing_more) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}, {1, 1}};
  const fake_log log = counted(9);
  bool left = false;
  cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    std::vector<fetched_part> parts;
    for (const auto& each : asked.partitions) parts.push_back(log.part(each.number, each.offset));
    // What nobody asked for (any more) is none of the reader's.
    parts.push_back(log.part(5, 0));
    left |= asked.offset_of(0) < 0;
    return give(parts);
  };
  fetching it(cluster);
  it.start();
  {
    const auto short_lived = it.fetcher->add(0, 0);
    EXPECT_EQ(it.next(*short_lived), "0=0");
  }
  kafka_partition_feed& other = it.read(1);
  EXPECT_EQ(it.next_all(other), counted_texts(0, 9));
  EXPECT_TRUE(cluster.comes_true([&] { return left; }));
}

TEST(kafka_fetcher, an_answer_for_a_reader_that_is_gone_is_not_the_next_ones) {
  for (const int32_t next_leader : {1, 2}) {
    fake_cluster cluster(2);
    cluster.leaders.partitions = {{0, 1}};
    const fake_log log = counted(9);
    int fetches = 0;
    cluster.fetch = [&](int32_t, const asked_fetch& asked) {
      reaction made = give({log.part(0, asked.offset_of(0))});
      // The first two take their time, so that the first one's answer comes when the second reader is there.
      made.waits = ++fetches <= 2;
      return made;
    };
    fetching it(cluster);
    it.options.fetch_wait = std::chrono::milliseconds(300);
    it.start();
    auto gone = it.fetcher->add(0, 5);
    ASSERT_TRUE(cluster.comes_true([&] { return fetches == 1; }));
    gone.reset();
    cluster.locked([&] { cluster.leaders.partitions = {{0, next_leader}}; });
    EXPECT_EQ(it.next_all(it.read(0)), counted_texts(0, 9)) << next_leader;
  }
}

}  // namespace fetcher_test
}  // namespace systole
