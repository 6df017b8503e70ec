// Where every row of dirty data went, step by step, in a chain as tasks run it, and that a crash counts no row twice.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file_system.h"
#include "operators/operator_chain.h"
#include "tests/operators/event_script.h"

namespace systole::testing::accounting_tests {
namespace {

template <class T>
T must(result<T> outcome) {
  if (outcome) return std::move(outcome).value();
  throw std::runtime_error(outcome.error().message);
}
void must(const result<void>& outcome) {
  if (!outcome) throw std::runtime_error(outcome.error().message);
}

const schema bill_columns = parse_schema("id text, ward text, amount int, at timestamptz");

/// The steps of the job; each takes its rows from `from` (-1: the input).
struct step {
  const char* name;
  int from;
  const char* node;
  operator_input input;
};

const std::vector<step>& steps() {
  const operator_input bills{bill_columns, false, {}};
  const operator_input parts{parse_schema("ward text, share int"), false, {}};
  const operator_input counts{parse_schema("ward text, n bigint"), true, {"ward"}};
  static const std::vector<step> made = {
      {"checked", -1, R"node(validate { rules { id: "nameless" check { sql: "id IS NOT NULL" } } rules { id: "negative" check { sql: "amount >= 0" } } })node", bills},
      {"unique", 0, R"node(deduplicate { key { sql: "id" } })node", bills},
      {"divisible", 1, R"node(filter { predicate { sql: "100 / amount > 5" } })node", bills},
      {"shares", 2, R"node(expand {
        branches { when { sql: "amount > 3" } fields { name: "ward" value { sql: "ward" } } fields { name: "share" value { sql: "amount / 2" } } }
        branches { when { sql: "ward = 'ICU'" } fields { name: "ward" value { sql: "'all'" } } fields { name: "share" value { sql: "10 / (amount - 7)" } } } })node", bills},
      {"hourly", 3, R"node(window { size_us: 100 slide_us: 100 on_late: "reject" key_by { name: "ward" value { sql: "ward" } } calls { name: "n" function: "count" }
        fields { name: "ward" value { sql: "ward" } } fields { name: "n" value { sql: "n" } } })node", parts},
      {"counts", 2, R"node(aggregate { emit_each_change: true key_by { name: "ward" value { sql: "ward" } } calls { name: "n" function: "count" } })node", bills},
      {"odd", 5, R"node(filter { predicate { sql: "12 / (n - 4) <> 0" } })node", counts},
  };
  return made;
}

class job final : public reject_target, public chain_exit {
 public:
  struct totals {
    std::map<std::string, std::map<std::string, uint64_t>> counters;  ///< step -> counter -> rows
    std::map<std::string, uint64_t> dead_letters;
  };

  job() : directory_((access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : ::testing::TempDir()) + "systole_accounting_" + std::to_string(getpid())) {
    must(posix_file_system().remove_all(directory_));
    must(posix_file_system().create_directories(directory_));
    store_ = must(open_directory_store(posix_file_system(), directory_ + "/store", "job"));
    open();
  }
  ~job() override {
    chain_.reset();
    state_.reset();
    store_.reset();
    EXPECT_TRUE(posix_file_system().remove_all(directory_));
  }

  void push(const std::vector<std::string>& lines, uint64_t first) {
    must(chain_->push(0, 0, parse_rows(bill_columns, lines, first, "at")));
  }
  void advance(timestamp_us at) { must(chain_->watermark(0, 0, 0, at, false)); }
  void finish() { must(chain_->end(0, 0, 0)); }
  void barrier() {
    while (!must(chain_->barrier())) must(chain_->resume());
    saved_.handle = must(must(state_->begin_snapshot(epoch_id(++epoch_)))->write());
    saved_.tables.clear();
    saved_.nodes.clear();
    for (const step& each : steps())
      for (proto::TableDescriptor& table : state_->descriptors(each.name)) saved_.tables.push_back({std::move(table), each.name});
    for (size_t i = 0; i < steps().size(); ++i) saved_.nodes.push_back(chain_->snapshot(i));
    saved_.dead_letters = dead_letters_;
  }
  void crash() { open(); }

  totals all() const {
    totals made;
    for (size_t i = 0; i < steps().size(); ++i) {
      const step_accounting& a = chain_->accounting(i);
      made.counters[steps()[i].name] = {{"in", a.in}, {"out", a.out}, {"rejected", a.rejected}, {"rejected_retractions", a.rejected_retractions},
                                        {"late", a.late}, {"filtered", a.filtered}, {"deduplicated", a.deduplicated}, {"waiting", a.waiting},
                                        {"absorbed", a.absorbed}, {"matched", a.matched}, {"unmatched", a.unmatched}, {"failed_results", a.failed_results}};
    }
    made.dead_letters = dead_letters_;
    return made;
  }
  uint64_t rows_out(size_t node) const { return chain_->counts(node).out; }

  void reject(size_t node, const batch&, uint32_t, const reject_reason&) override { ++dead_letters_[steps()[node].name]; }
  result<void> write(batch) override { return {}; }

 private:
  void open() {
    chain_.reset();
    state_.reset();
    const std::string own = directory_ + "/task-" + std::to_string(incarnation_++);
    must(posix_file_system().create_directories(own));
    std::vector<restored_state> restored;
    if (epoch_ > 0) restored.push_back({saved_.handle, saved_.tables});
    state_ = must(open_task_state({.directory = own,
                                   .memory_bytes = tiny_memory_bytes,
                                   .groups = key_groups_of_subtask(0, 1, 128),
                                   .files = &posix_file_system(),
                                   .store = store_.get()},
                                  restored));
    accounting_.assign(steps().size(), {});
    chain_ = std::make_unique<operator_chain>(this);
    for (size_t i = 0; i < steps().size(); ++i) {
      proto::Node node = parse_node(steps()[i].node);
      node.set_step(steps()[i].name);
      const operator_context context{.step = node.step(), .state = state_.get(), .time = &clock_, .parameters = &parameters_, .accounting = &accounting_[i]};
      chain_->add_node({must(make_operator(node, {steps()[i].input}, context)), &accounting_[i], {1}});
      if (steps()[i].from >= 0) chain_->connect(static_cast<size_t>(steps()[i].from), {i, 0});
    }
    chain_->connect(4, this);
    chain_->connect(6, this);
    must(chain_->open());
    dead_letters_ = saved_.dead_letters;
    for (size_t i = 0; i < saved_.nodes.size(); ++i) must(chain_->restore(i, {saved_.nodes[i]}, {0}));
    must(chain_->start());
  }

  struct {
    proto::KeyedStateHandle handle;
    std::vector<restored_table> tables;
    std::vector<std::string> nodes;
    std::map<std::string, uint64_t> dead_letters;
  } saved_;
  std::string directory_;
  std::unique_ptr<checkpoint_store> store_;
  std::unique_ptr<task_state> state_;
  std::vector<step_accounting> accounting_;
  std::unique_ptr<operator_chain> chain_;
  std::map<std::string, uint64_t> dead_letters_;
  manual_clock clock_;
  parameter_map parameters_;
  uint64_t epoch_ = 0;
  int incarnation_ = 0;
};

constexpr int batches = 20, batch_rows = 50;

/// Missing ids and amounts, doubles, zeros to divide by, rows that are late.
std::vector<std::string> dirty_rows(uint64_t seed, int number) {
  std::mt19937_64 random(seed * 1000 + static_cast<uint64_t>(number));
  const auto draw = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  const char* wards[] = {"ICU", "MED", "ER", "NULL"};
  std::vector<std::string> rows;
  for (int i = 0; i < batch_rows; ++i) {
    const std::string id = draw(20) == 0 ? "NULL" : "b" + std::to_string(draw(900)), amount = draw(20) == 0 ? "NULL" : std::to_string(draw(30) - 2);
    rows.push_back(id + "|" + wards[draw(4)] + "|" + amount + "|" + time_text(number * 50 + draw(50) - draw(250)));
  }
  return rows;
}

void feed(job& all, uint64_t seed, int number) {
  all.push(dirty_rows(seed, number), static_cast<uint64_t>(number) * batch_rows);
  all.advance(time_of(number * 50 - 60));
}

TEST(accounting, says_where_every_row_of_dirty_data_went) {
  const uint64_t seed = seed_of(71);
  SCOPED_TRACE("seed " + std::to_string(seed));
  job all;
  for (int i = 0; i < batches; ++i) feed(all, seed, i);
  all.finish();
  auto counted = all.all().counters;
  EXPECT_EQ(counted["checked"]["in"], uint64_t{batches * batch_rows});
  for (const char* name : {"checked", "unique", "divisible", "odd"}) {
    auto& a = counted[name];
    EXPECT_EQ(a["in"], a["out"] + a["rejected"] + a["late"] + a["filtered"] + a["deduplicated"] + a["waiting"]) << name;
  }
  for (const char* name : {"hourly", "counts"}) {
    auto& a = counted[name];
    EXPECT_EQ(a["in"], a["absorbed"] + a["rejected"] + a["late"] + a["filtered"]) << name;
  }
  auto& expanded = counted["shares"];
  EXPECT_EQ(expanded["in"], expanded["matched"] + expanded["unmatched"] + expanded["rejected"]);
  // What one step gives is what the next one gets.
  EXPECT_EQ(counted["unique"]["in"], counted["checked"]["out"]);
  EXPECT_EQ(counted["divisible"]["in"], counted["unique"]["out"]);
  EXPECT_EQ(counted["shares"]["in"], counted["divisible"]["out"]);
  EXPECT_EQ(counted["counts"]["in"], counted["divisible"]["out"]);
  EXPECT_EQ(counted["hourly"]["in"], all.rows_out(3));
  EXPECT_EQ(counted["odd"]["in"], all.rows_out(5));
  // Each kind of dirt was met, and each rejected row is in the dead letter, but not its retraction.
  EXPECT_GT(counted["checked"]["rejected"], 50u);
  EXPECT_GT(counted["unique"]["deduplicated"], 100u);
  EXPECT_GT(counted["divisible"]["rejected"], 0u);
  EXPECT_GT(counted["divisible"]["filtered"], 0u);
  EXPECT_GT(counted["shares"]["rejected"], 0u);
  EXPECT_GT(counted["shares"]["unmatched"], 0u);
  EXPECT_GT(counted["hourly"]["late"], 0u);
  EXPECT_GT(counted["odd"]["rejected_retractions"], 0u);
  auto letters = all.all().dead_letters;
  for (const step& each : steps()) {
    auto& a = counted[each.name];
    EXPECT_EQ(letters[each.name], a["rejected"] + a["late"] + a["failed_results"] - a["rejected_retractions"]) << each.name;
  }
}

TEST(accounting, is_the_same_after_crashes) {
  const uint64_t seed = seed_of(72);
  SCOPED_TRACE("seed " + std::to_string(seed));
  job undisturbed;
  for (int i = 0; i < batches; ++i) feed(undisturbed, seed, i);
  undisturbed.finish();
  const job::totals expected = undisturbed.all();
  job crashing;
  int saved = 0;
  for (int i = 0; i < batches; ++i) {
    feed(crashing, seed, i);
    if (i % 3 != 2) continue;
    crashing.crash();
    for (int again = saved; again <= i; ++again) feed(crashing, seed, again);
    crashing.barrier();
    saved = i + 1;
  }
  crashing.finish();
  EXPECT_EQ(crashing.all().counters, expected.counters);
  EXPECT_EQ(crashing.all().dead_letters, expected.dead_letters);
}

}  // namespace
}  // namespace systole::testing::accounting_tests
