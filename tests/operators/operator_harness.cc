#include "tests/operators/operator_harness.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "base/file_system.h"
#include "data/calendar.h"

namespace systole::testing {
namespace {

constexpr size_t resume_limit = 1'000'000;

/// A fresh directory; in memory where the machine has such a place, for each barrier syncs files.
std::string fresh_directory() {
  static std::atomic<int> next{0};
  const bool memory = access("/dev/shm", W_OK) == 0;
  const std::string path = (memory ? std::string("/dev/shm/") : ::testing::TempDir()) + "systole_operators_" +
                           std::to_string(getpid()) + "_" + std::to_string(next++);
  if (auto removed = posix_file_system().remove_all(path); !removed) ADD_FAILURE() << removed.error().message;
  if (auto made = posix_file_system().create_directories(path); !made) ADD_FAILURE() << made.error().message;
  return path;
}

/// A failed call ends the test program's run of this test: nothing after it means anything.
template <class T>
T must(result<T> outcome) {
  if (outcome) return std::move(outcome).value();
  throw std::runtime_error(outcome.error().message);
}
void must(const result<void>& outcome) {
  if (!outcome) throw std::runtime_error(outcome.error().message);
}

}  // namespace

/// What a barrier saves.
struct operator_harness::saved {
  proto::KeyedStateHandle handle;
  std::vector<restored_table> tables;
  std::string operator_state;
  step_accounting accounting;
  timestamp_us watermark;
  std::vector<bool> ended;
  uint64_t next_offset;
  size_t emitted;
  size_t rejected;
};

class operator_harness::recorder final : public output {
 public:
  explicit recorder(operator_harness& owner) : owner_(owner) {}
  void push(batch rows) override {
    EXPECT_GT(rows.rows(), 0u) << "an operator gave an empty batch";
    for (const column_ptr& each : rows.columns()) EXPECT_EQ(each->size(), rows.rows());
    owner_.burst_ += rows.rows();
    owner_.largest_burst_ = std::max(owner_.largest_burst_, owner_.burst_);
    owner_.emitted_.push_back(std::move(rows));
  }
  bool full() const override {
    return owner_.options_.credit_rows > 0 && owner_.burst_ >= owner_.options_.credit_rows;
  }
  void reject(const batch& rows, uint32_t row, const reject_reason& why) override {
    if (!count_rejection(owner_.accounting_, rows.kind(row), why)) return;
    std::string text = std::string(why.rule) + ": " + std::string(why.reason);
    if (!why.sqlstate.empty()) text += " [" + std::string(why.sqlstate) + "]";
    owner_.rejected_.push_back(text + " <- " + row_text(rows, row));
  }

 private:
  operator_harness& owner_;
};

operator_harness::operator_harness(proto::Node node, std::vector<operator_input> inputs, harness_options options)
    : node_(std::move(node)),
      inputs_(std::move(inputs)),
      options_(std::move(options)),
      clock_(options_.now_us),
      directory_(fresh_directory()),
      store_(must(open_directory_store(posix_file_system(), directory_ + "/store", "job"))) {
  open();
}

operator_harness::~operator_harness() {
  operator_.reset();
  state_.reset();
  store_.reset();
  if (auto removed = posix_file_system().remove_all(directory_); !removed) ADD_FAILURE() << removed.error().message;
}

std::unique_ptr<task_state> operator_harness::open_state() {
  task_state_options state_options{.directory = directory_ + "/task-" + std::to_string(incarnation_++),
                                   .memory_bytes = options_.memory_bytes,
                                   .in_memory = options_.in_memory,
                                   .groups = key_groups_of_subtask(options_.subtask, options_.parallelism, options_.max_parallelism),
                                   .max_parallelism = options_.max_parallelism,
                                   .files = &posix_file_system(),
                                   .store = store_.get()};
  must(posix_file_system().create_directories(state_options.directory));
  std::vector<restored_state> restored;
  if (last_) restored.push_back({last_->handle, last_->tables});
  return must(open_task_state(state_options, restored));
}

void operator_harness::open() {
  operator_.reset();
  state_.reset();
  accounting_ = {};
  watermark_ = watermark_none;
  ended_.assign(inputs_.size(), false);
  next_offset_ = 0;
  state_ = open_state();
  operator_context context{.step = node_.step(),
                           .max_parallelism = options_.max_parallelism,
                           .batch_rows = options_.batch_rows,
                           .state = state_.get(),
                           .time = &clock_,
                           .parameters = &options_.parameters,
                           .accounting = &accounting_};
  operator_ = must(options_.make ? options_.make(context) : make_operator(node_, inputs_, context));
  must(operator_->open());
  emitted_.resize(last_ ? last_->emitted : 0);
  rejected_.resize(last_ ? last_->rejected : 0);
  if (!last_) return;
  must(operator_->restore(last_->operator_state));
  accounting_ = last_->accounting;
  ended_ = last_->ended;
  next_offset_ = last_->next_offset;
  watermark_ = last_->watermark;
  // As a chain does: a restored operator is told its watermark, but not the end again.
  if (watermark_ != watermark_none && watermark_ != watermark_end)
    run([this](output& out) { return operator_->on_watermark(watermark_, out); });
}

void operator_harness::run(const std::function<result<progress>(output&)>& call) {
  recorder out(*this);
  burst_ = 0;
  progress made = must(call(out));
  for (size_t calls = 0; made == progress::again; ++calls) {
    ASSERT_TRUE(out.full()) << "an operator returned `again` though there was room";
    ASSERT_LT(calls, resume_limit) << "an operator is never done";
    burst_ = 0;
    made = must(operator_->resume(out));
  }
}

void operator_harness::push(batch rows, uint32_t input) {
  ASSERT_FALSE(operator_->blocks_input(input)) << "the test gives rows to a blocked input";
  run([&](output& out) { return operator_->process(std::move(rows), input, out); });
}

void operator_harness::push(const std::vector<std::string>& lines, uint32_t input, std::string_view event_time) {
  batch rows = parse_rows(inputs_[input].columns, lines, next_offset_, event_time);
  next_offset_ += lines.size();
  push(std::move(rows), input);
}

void operator_harness::watermark(timestamp_us watermark) {
  watermark_ = watermark;
  run([&](output& out) { return operator_->on_watermark(watermark, out); });
}

void operator_harness::watermark(std::string_view iso) {
  const std::optional<timestamp_us> time = parse_iso_timestamp(iso);
  ASSERT_TRUE(time) << iso;
  watermark(*time);
}

void operator_harness::end(uint32_t input) {
  ended_[input] = true;
  run([&](output& out) { return operator_->on_end(input, out); });
  for (const bool each : ended_)
    if (!each) return;
  watermark(watermark_end);
}

void operator_harness::end_all() {
  for (uint32_t input = 0; input < inputs_.size(); ++input)
    if (!ended_[input]) end(input);
  expect_balanced();
}

void operator_harness::advance_clock(int64_t micros) {
  clock_.advance(std::chrono::microseconds(micros));
  if (operator_->next_wakeup_us() <= clock_.now_us())
    run([this](output& out) { return operator_->on_time(clock_.now_us(), out); });
}

void operator_harness::barrier() {
  recorder out(*this);
  must(operator_->on_barrier(out));
  auto made = std::make_unique<saved>();
  made->handle = must(must(state_->begin_snapshot(epoch_id(++epoch_)))->write());
  for (proto::TableDescriptor& each : state_->descriptors(node_.step()))
    made->tables.push_back({std::move(each), node_.step()});
  made->operator_state = operator_->snapshot();
  made->accounting = accounting_;
  made->watermark = watermark_;
  made->ended = ended_;
  made->next_offset = next_offset_;
  made->emitted = emitted_.size();
  made->rejected = rejected_.size();
  last_ = std::move(made);
  expect_balanced();
}

uint64_t operator_harness::saved_keys(const std::string& table, uint32_t fixed_value_bytes) {
  const std::unique_ptr<task_state> copy = open_state();
  for (const restored_table& each : last_->tables) {
    if (each.descriptor.name() != table) continue;
    return must(copy->open_values({.step = each.step,
                                   .name = table,
                                   .layout_version = each.descriptor.layout_version(),
                                   .layout = each.descriptor.layout(),
                                   .fingerprint = each.descriptor.fingerprint(),
                                   .fixed_value_bytes = fixed_value_bytes}))->size();
  }
  ADD_FAILURE() << "no table " << table;
  return 0;
}

void operator_harness::crash() { open(); }

timestamp_us operator_harness::output_watermark() const { return operator_->output_watermark(watermark_); }

void operator_harness::expect_balanced() const {
  const step_accounting& a = accounting_;
  EXPECT_EQ(a.in, a.out + a.rejected + a.late + a.filtered + a.deduplicated + a.waiting + a.absorbed + a.matched + a.unmatched)
      << "rows are lost or counted twice: out " << a.out << " rejected " << a.rejected << " late " << a.late << " filtered "
      << a.filtered << " deduplicated " << a.deduplicated << " waiting " << a.waiting << " absorbed " << a.absorbed
      << " matched " << a.matched << " unmatched " << a.unmatched;
}

std::vector<std::string> operator_harness::rows() const {
  std::vector<std::string> texts;
  for (const batch& each : emitted_)
    for (size_t row = 0; row < each.rows(); ++row) texts.push_back(row_text(each, row));
  return texts;
}

std::map<std::string, int> operator_harness::consolidated() const {
  std::map<std::string, int> live;
  for (const batch& each : emitted_) {
    for (size_t row = 0; row < each.rows(); ++row) {
      std::string text = row_text(each, row);
      if (each.has(hidden::kind)) text.erase(0, 3);
      live[text] += sign(each.kind(row));
    }
  }
  std::erase_if(live, [](const auto& each) { return each.second == 0; });
  return live;
}

void operator_harness::clear_output() {
  emitted_.clear();
  rejected_.clear();
  if (last_) last_->emitted = last_->rejected = 0;
}

}  // namespace systole::testing
