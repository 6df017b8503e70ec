#include "coordination/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/support/seed.h"

namespace systole::testing {
namespace {

std::vector<placed_task> stage(uint32_t group, uint32_t parallelism) {
  std::vector<placed_task> made;
  for (uint32_t i = 0; i < parallelism; ++i) made.push_back({group, i, {}});
  return made;
}

const std::vector<placing_worker> four_on_two_nodes{
    {"a", "n1", 2, 0}, {"b", "n1", 2, 0}, {"c", "n2", 2, 0}, {"d", "n2", 2, 0}};

TEST(placement, a_job_is_spread_over_nodes_before_it_doubles_up_on_one) {
  const auto made = std::get<placement>(place_tasks(stage(1, 2), four_on_two_nodes));
  EXPECT_NE(four_on_two_nodes[made.worker_of_task[0]].node, four_on_two_nodes[made.worker_of_task[1]].node);
  const auto wide = std::get<placement>(place_tasks(stage(1, 4), four_on_two_nodes));
  EXPECT_EQ(std::set<size_t>(wide.worker_of_task.begin(), wide.worker_of_task.end()).size(), 4u);
}

TEST(placement, what_is_missing_is_said) {
  std::vector<placing_worker> workers = four_on_two_nodes;
  for (placing_worker& each : workers) each.used = 2;
  workers[0].used = 1;
  EXPECT_EQ(std::get<missing_slots>(place_tasks(stage(1, 4), workers)).told(), "needs 4 slots; 1 is free on 4 workers");
  EXPECT_EQ(std::get<missing_slots>(place_tasks(stage(1, 1), {})).told(), "needs 1 slot; 0 are free on 0 workers");
}

TEST(placement, after_a_worker_is_lost_the_others_keep_what_they_have) {
  std::vector<placed_task> tasks = stage(1, 4);
  tasks[0].warm_on = "a";
  tasks[1].warm_on = "b";
  tasks[2].warm_on = "c";
  tasks[3].warm_on = "a";
  const std::vector<placing_worker> left{{"a", "n1", 3, 0}, {"c", "n2", 3, 0}};  // b is gone
  const auto made = std::get<placement>(place_tasks(tasks, left));
  EXPECT_EQ(made.worker_of_task, (std::vector<size_t>{0, 1, 1, 0}));
}

TEST(placement, forward_neighbours_share_a_worker_and_narrow_stages_fill_up) {
  std::vector<placed_task> tasks = stage(1, 2);
  for (const placed_task& each : stage(1, 2)) tasks.push_back(each);  // joined to the first by forward
  tasks.push_back({7, 0, {}});
  tasks.push_back({8, 0, {}});
  const std::vector<placing_worker> two{{"a", "n1", 1, 0}, {"b", "n2", 1, 0}};
  const auto made = std::get<placement>(place_tasks(tasks, two));
  EXPECT_EQ(made.worker_of_task[0], made.worker_of_task[2]);
  EXPECT_EQ(made.worker_of_task[1], made.worker_of_task[3]);
  EXPECT_NE(made.worker_of_task[4], made.worker_of_task[5]) << "single tasks do not pile up on one worker";
}

/// Always complete, within slots, even to one slot where there is room, and the same for the same input.
TEST(placement, random_clusters_are_filled_evenly) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  dice random(seed);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<placing_worker> workers;
    uint32_t room = 0;
    for (int64_t i = random.between(1, 6); i > 0; --i) {
      const auto slots = static_cast<uint32_t>(random.between(1, 4));
      const auto used = static_cast<uint32_t>(random.between(0, slots));
      workers.push_back({"w" + std::to_string(i), "n" + std::to_string(i % 3), slots, used});
      room += slots - used;
    }
    std::vector<placed_task> tasks;
    uint32_t widest = 0;
    for (uint32_t group = 0; group < 3; ++group) {
      const auto width = static_cast<uint32_t>(random.between(1, 5));
      widest = std::max(widest, width);
      for (placed_task& each : tasks) (void)each;
      for (placed_task each : stage(group, width)) {
        if (random.chance(0.3)) each.warm_on = "w" + std::to_string(random.between(1, 8));
        tasks.push_back(each);
      }
    }
    const auto made = place_tasks(tasks, workers);
    if (room < widest) {
      ASSERT_EQ(std::get<missing_slots>(made).free, room);
      continue;
    }
    const placement& found = std::get<placement>(made);
    ASSERT_EQ(found.worker_of_task, std::get<placement>(place_tasks(tasks, workers)).worker_of_task);
    uint32_t taken = 0;
    for (size_t i = 0; i < workers.size(); ++i) {
      ASSERT_LE(workers[i].used + found.slots_used[i], workers[i].slots);
      taken += found.slots_used[i];
    }
    ASSERT_EQ(taken, widest);
    std::map<std::pair<uint32_t, size_t>, uint32_t> of_group;
    for (size_t i = 0; i < tasks.size(); ++i) {
      ASSERT_LT(found.worker_of_task[i], workers.size());
      ASSERT_LE((++of_group[{tasks[i].group, found.worker_of_task[i]}]), found.slots_used[found.worker_of_task[i]])
          << "two subtasks of one stage in a slot";
    }
  }
}

}  // namespace
}  // namespace systole::testing
