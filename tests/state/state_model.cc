#include "tests/state/state_model.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <thread>

namespace systole::testing {
namespace {

constexpr uint32_t fixed_bytes = 24;
using text_map = std::map<std::string, std::string>;

}  // namespace

void modelled_state::open(uint32_t parallelism) {
  subtasks_.clear();
  model_ = saved_model_;
  restored_base_ = has_base();
  for (uint32_t i = 0; i < parallelism; ++i) {
    const key_group_range groups = key_groups_of_subtask(i, parallelism, 128);
    std::vector<restored_state> overlapping;
    for (const proto::KeyedStateHandle& handle : saved_) {
      if (handle.first_key_group() <= groups.last && handle.last_key_group() >= groups.first)
        overlapping.push_back({handle, saved_tables_});
    }
    task_state_options options = options_in(directory_, store_, in_memory_, groups);
    options.memory_bytes = memory_bytes_;
    options.least_ingest_bytes = of_.ingested;
    subtask made;
    made.state = must(open_task_state(options, overlapping));
    made.fixed = must(made.state->open_values(table_named("fixed", fixed_bytes)));
    made.texts = must(made.state->open_values(table_named("texts")));
    made.seen = must(made.state->open_values(table_named("seen")));
    made.lists = must(made.state->open_map(table_named("lists")));
    made.timers = must(made.state->open_timers(table_named("timers")));
    subtasks_.push_back(std::move(made));
  }
}

void modelled_state::snapshot(uint64_t epoch) {
  saved_.clear();
  saved_tables_.clear();
  for (subtask& task : subtasks_) saved_.push_back(must(must(task.state->begin_snapshot(epoch_id(epoch)))->write()));
  for (proto::TableDescriptor& each : subtasks_[0].state->descriptors("step"))
    saved_tables_.push_back({std::move(each), "step"});
  saved_model_ = model_;
}

void modelled_state::abandon_snapshot(uint64_t epoch) {
  for (subtask& task : subtasks_) must(task.state->begin_snapshot(epoch_id(epoch)));
}

std::string modelled_state::random_key() {
  const int number = pick(of_.keys);
  // Lengths around the encodings' limits.
  const size_t lengths[] = {3, 17, 254, 255, 256, 700};
  std::string key = std::to_string(number);
  key.resize(std::max(key.size(), lengths[number % 37 == 0 ? number % 6 : number % 2]), '.');
  return key;
}

std::string modelled_state::random_subkey(const std::string& key) {
  const bool long_list = key[0] == '0';
  return std::to_string(pick(long_list ? of_.subkeys * 1000 : of_.subkeys));
}

std::string modelled_state::random_value() {
  std::string value(pick(100) == 0 ? of_.value_bytes * 20 : random_() % (of_.value_bytes + 1), 'v');
  for (char& c : value) c = static_cast<char>(random_());
  return value;
}

modelled_state::subtask& modelled_state::of(const std::string& key) {
  const key_group_id group = key_group_of(hash_key(key), 128);
  return subtasks_[subtask_of_key_group(group, static_cast<uint32_t>(subtasks_.size()), 128)];
}

void modelled_state::random_operations(int count) {
  for (int i = 0; i < count && !::testing::Test::HasFailure(); ++i) {
    switch (pick(4)) {
      case 0: random_batch(); break;
      case 1: random_text_operation(); break;
      case 2: random_list_operation(); break;
      default: random_timer_operation(); break;
    }
  }
}

/// A batch of rows on the fixed-size table and on the set, through the batch calls. Keys are TEXT columns' encodings
/// here.
void modelled_state::random_batch() {
  std::vector<std::string> texts;
  for (int rows = 1 + pick(70); rows > 0; --rows) texts.push_back(random_key());
  const encoded_keys keys = keys_of(texts);
  std::vector<std::vector<uint32_t>> rows(subtasks_.size());
  for (uint32_t row = 0; row < keys.size(); ++row) {
    rows[static_cast<size_t>(&of(std::string(keys.key(row))) - subtasks_.data())].push_back(row);
  }
  const int kind = pick(4);
  for (size_t task = 0; task < subtasks_.size(); ++task) {
    if (rows[task].empty()) continue;
    std::vector<state_entry> out(rows[task].size());
    if (kind == 0) {
      must(subtasks_[task].seen->find_or_insert(keys, rows[task], out));
    } else if (kind == 1) {
      must(subtasks_[task].fixed->find(keys, rows[task], out));
    } else if (kind == 2) {
      must(subtasks_[task].fixed->find_for_update(keys, rows[task], out));
    } else {
      must(subtasks_[task].fixed->find_or_insert(keys, rows[task], out));
    }
    for (size_t i = 0; i < out.size(); ++i) {
      const std::string key(keys.key(rows[task][i]));
      if (kind == 0) {
        EXPECT_EQ(out[i].inserted, model_.seen.insert(key).second);
        EXPECT_NE(out[i].value, nullptr);
        continue;
      }
      if (kind == 3) {
        EXPECT_EQ(out[i].inserted, !model_.fixed.contains(key));
        model_.fixed.try_emplace(key, std::string(fixed_bytes, '\0'));
      }
      const auto expected = model_.fixed.find(key);
      ASSERT_EQ(out[i].value != nullptr, expected != model_.fixed.end());
      if (expected == model_.fixed.end()) continue;
      ASSERT_EQ(std::string(reinterpret_cast<const char*>(out[i].value), fixed_bytes), expected->second);
      if (kind == 1) continue;
      const size_t at = random_() % fixed_bytes;
      out[i].value[at] = static_cast<std::byte>(random_());
      expected->second[at] = static_cast<char>(out[i].value[at]);
    }
  }
}

void modelled_state::random_text_operation() {
  const std::string key = random_key();
  const uint64_t hash = hash_key(key);
  switch (pick(6)) {
    case 0: {
      must(of(key).texts->erase(key, hash));
      model_.texts.erase(key);
      break;
    }
    case 1: {
      must(of(key).fixed->erase(key, hash));
      model_.fixed.erase(key);
      break;
    }
    case 2: {
      std::string value = random_value();
      value.resize(fixed_bytes);
      must(of(key).fixed->put(key, hash, value));
      model_.fixed[key] = value;
      break;
    }
    case 3: {
      const std::string value = random_value();
      must(of(key).texts->put(key, hash, value));
      model_.texts[key] = value;
      break;
    }
    case 4: {
      must(of(key).seen->erase(key, hash));
      model_.seen.erase(key);
      break;
    }
    default: {
      const auto expected = model_.texts.find(key);
      const auto got = must(of(key).texts->get(key, hash));
      ASSERT_EQ(got.has_value(), expected != model_.texts.end());
      if (got) {
        ASSERT_EQ(*got, expected->second);
      }
    }
  }
}

void modelled_state::random_list_operation() {
  if (pick(50) == 0) return sweep_lists();
  const std::string key = pick(3) == 0 ? "0.." : random_key();
  const std::string subkey = random_subkey(key);
  const uint64_t hash = hash_key(key);
  map_table& lists = *of(key).lists;
  switch (pick(5)) {
    case 0: {
      must(lists.erase(key, hash, subkey));
      const auto list = model_.lists.find(key);
      if (list == model_.lists.end()) break;
      list->second.erase(subkey);
      if (list->second.empty()) model_.lists.erase(list);
      break;
    }
    case 1:
    case 2: {
      const std::string value = random_value();
      must(lists.put(key, hash, subkey, value));
      model_.lists[key][subkey] = value;
      break;
    }
    case 3: {
      const text_map& list = model_.lists[key];
      const auto expected = list.find(subkey);
      const auto got = must(lists.get(key, hash, subkey));
      ASSERT_EQ(got.has_value(), expected != list.end());
      if (got) {
        ASSERT_EQ(*got, expected->second);
      }
      if (list.empty()) model_.lists.erase(key);
      break;
    }
    default: check_scan(key);
  }
}

void modelled_state::sweep_lists() {
  const uint64_t share = 2 + random_() % 30;
  const uint64_t rest = random_() % 2;
  const auto is_erased = [&](std::string_view key, std::string_view subkey, std::string_view value) {
    return (hash_key(key) + hash_key(subkey) + value.size()) % share == rest;
  };
  for (subtask& task : subtasks_) must(task.lists->erase_if(is_erased));
  for (auto list = model_.lists.begin(); list != model_.lists.end();) {
    std::erase_if(list->second, [&](const auto& each) { return is_erased(list->first, each.first, each.second); });
    list = list->second.empty() ? model_.lists.erase(list) : std::next(list);
  }
}

void modelled_state::check_scan(const std::string& key) {
  const auto list = model_.lists.find(key);
  text_map expected = list == model_.lists.end() ? text_map() : list->second;
  const std::string from = pick(3) == 0 ? "" : random_subkey(key);
  const std::string to = pick(3) == 0 ? "" : random_subkey(key);
  std::erase_if(expected, [&](const auto& each) { return each.first < from || (!to.empty() && each.first >= to); });
  const size_t limit = pick(2) == 0 ? 3 : 1'000'000;
  std::vector<std::pair<std::string, std::string>> got;
  const auto collect = [&](std::string_view subkey, std::string_view value) {
    got.emplace_back(subkey, value);
    return got.size() < limit;
  };
  std::vector<std::pair<std::string, std::string>> wanted(expected.begin(), expected.end());
  if (pick(2) == 0) {
    must(of(key).lists->scan(key, hash_key(key), from, to, collect));
  } else {
    must(of(key).lists->scan_backwards(key, hash_key(key), from, to, collect));
    std::reverse(wanted.begin(), wanted.end());
  }
  if (wanted.size() > limit) wanted.resize(limit);
  ASSERT_EQ(got, wanted);
}

void modelled_state::random_timer_operation() {
  const std::string key = random_key();
  const uint64_t hash = hash_key(key);
  const timestamp_us time = pick(3000) - 1000;
  switch (pick(6)) {
    case 0:
      must(of(key).timers->cancel(time, key, hash));
      model_.timers.erase({time, key});
      return;
    case 1: {
      // Pop what is due somewhere, in the order of time within each subtask.
      const timestamp_us until = pick(3000) - 1000 - 900;
      for (subtask& task : subtasks_) {
        timestamp_us last = std::numeric_limits<int64_t>::min();
        for (;;) {
          const auto due = must(task.timers->pop_due(until));
          if (!due) break;
          ASSERT_LE(last, due->time);
          ASSERT_LE(due->time, until);
          last = due->time;
          ASSERT_EQ(model_.timers.erase({due->time, due->key}), 1u);
        }
        const auto earliest = task.timers->earliest();
        ASSERT_TRUE(!earliest || *earliest > until);
      }
      ASSERT_TRUE(model_.timers.empty() || model_.timers.begin()->first > until);
      return;
    }
    case 2: {
      std::optional<timestamp_us> least;
      for (subtask& task : subtasks_) {
        const auto earliest = task.timers->earliest();
        if (earliest && (!least || *earliest < *least)) least = earliest;
      }
      ASSERT_EQ(least.has_value(), !model_.timers.empty());
      if (least) {
        ASSERT_EQ(*least, model_.timers.begin()->first);
      }
      return;
    }
    default: must(of(key).timers->set(time, key, hash)); model_.timers.insert({time, key});
  }
}

void modelled_state::check_all() {
  state_model got;
  for (subtask& task : subtasks_) {
    must(task.fixed->for_each([&](std::string_view key, std::string_view value) {
      EXPECT_TRUE(got.fixed.emplace(key, value).second);
      return true;
    }));
    must(task.texts->for_each([&](std::string_view key, std::string_view value) {
      EXPECT_TRUE(got.texts.emplace(key, value).second);
      return true;
    }));
    must(task.seen->for_each([&](std::string_view key, std::string_view) {
      EXPECT_TRUE(got.seen.emplace(key).second);
      return true;
    }));
    must(task.lists->for_each([&](std::string_view key, std::string_view subkey, std::string_view value) {
      EXPECT_TRUE(got.lists[std::string(key)].emplace(subkey, value).second);
      return true;
    }));
  }
  EXPECT_TRUE(got.fixed == model_.fixed);
  EXPECT_TRUE(got.texts == model_.texts);
  EXPECT_TRUE(got.seen == model_.seen);
  EXPECT_TRUE(got.lists == model_.lists);
  const auto counted = counts(), wanted = model_.counts();
  for (size_t i = 0; i < wanted.size(); ++i) {
    // While restored entries are still being loaded there may be more than are counted.
    if (restored_base_) {
      EXPECT_LE(counted[i], wanted[i]) << i;
    } else {
      EXPECT_EQ(counted[i], wanted[i]) << i;
    }
  }
}

std::array<uint64_t, 5> state_model::counts() const {
  uint64_t list_entries = 0;
  for (const auto& [key, list] : lists) list_entries += list.size();
  return {fixed.size(), texts.size(), seen.size(), list_entries, timers.size()};
}

std::array<uint64_t, 5> modelled_state::counts() const {
  std::array<uint64_t, 5> sum{};
  for (const subtask& task : subtasks_) {
    sum[0] += task.fixed->size();
    sum[1] += task.texts->size();
    sum[2] += task.seen->size();
    sum[3] += task.lists->size();
    sum[4] += task.timers->size();
  }
  return sum;
}

bool modelled_state::load_all() {
  for (int round = 0; round < 10'000; ++round) {
    if (counts() == model_.counts()) {
      restored_base_ = false;
      return true;
    }
    for (int i = 0; i < 1'000; ++i) {
      const std::string key = random_key();
      must(of(key).texts->get(key, hash_key(key)));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the loader reads meanwhile
  }
  return false;
}

bool modelled_state::has_base() const {
  return std::any_of(saved_.begin(), saved_.end(),
                     [this](const proto::KeyedStateHandle& handle) { return !in_memory_ && handle.base_size() > 0; });
}

int modelled_state::most_files() const {
  int most = 0;
  for (const proto::KeyedStateHandle& handle : saved_) most = std::max(most, handle.base_size() + handle.deltas_size());
  return most;
}

uint64_t modelled_state::memory_bytes() const {
  uint64_t sum = 0;
  for (const subtask& task : subtasks_) sum += task.state->memory_bytes();
  return sum;
}

}  // namespace systole::testing
