#include "state/tiered/tiered_task_state.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>

#include "base/limits.h"

namespace systole {
namespace {

/// Rows between two looks at the memory.
constexpr int64_t rows_between_checks = 16'384;
constexpr int64_t rows_between_urgent_checks = 1'024;

/// What was evicted lies in many small pieces between others; left to itself, malloc would keep most of its pages.
void give_back_freed_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

class tiered_snapshot final : public state_snapshot {
 public:
  tiered_snapshot(std::shared_ptr<tiered_chain> chain, uint64_t cut, epoch_id epoch)
      : chain_(std::move(chain)), cut_(cut), epoch_(epoch) {}
  ~tiered_snapshot() override {
    if (!ended_) chain_->end_snapshot();
  }
  result<proto::KeyedStateHandle> write() override {
    result<proto::KeyedStateHandle> written = chain_->write(cut_, epoch_);
    ended_ = true;
    chain_->end_snapshot();
    return written;
  }

 private:
  std::shared_ptr<tiered_chain> chain_;
  uint64_t cut_;
  epoch_id epoch_;
  bool ended_ = false;
};

}  // namespace

tiered_task_state::tiered_task_state(const task_state_options& options, const std::vector<restored_state>& restored)
    : options_(options),
      chain_(std::make_shared<tiered_chain>(options)),
      log_([this] { return chain_->make_segment(); }),
      tables_(options_, log_, *this, restored) {}

result<std::unique_ptr<task_state>> tiered_task_state::open(const task_state_options& options,
                                                            const std::vector<restored_state>& restored) {
  std::unique_ptr<tiered_task_state> made(new tiered_task_state(options, restored));
  SYSTOLE_TRY(made->chain_->restore(restored));
  SYSTOLE_TRY(made->restore_files());
  return std::unique_ptr<task_state>(std::move(made));
}

result<void> tiered_task_state::restore_files() {
  // In the tables they take about twice their bytes.
  const bool fits = chain_->restored_bytes() * 2 < budget_bytes();
  if (!fits) SYSTOLE_TRY(chain_->ingest_restored());
  base_ = chain_->base();
  tables_.set_restored_base(base_ != nullptr);
  if (!fits) return {};
  for (const tiered_chain::loose_file& each : chain_->restored_files()) {
    SYSTOLE_ASSIGN(const std::unique_ptr<segment_reader> reader, chain_->files().open(each.file));
    SYSTOLE_TRY(tables_.restore(*reader, each.part));
  }
  return tables_.finish_restore();
}

uint64_t tiered_task_state::memory_bytes() const {
  return tables_.memory_bytes() + log_.waiting_bytes() + (loader_ ? loader_->waiting_bytes() : 0) + chain_->base_memory_bytes();
}

uint64_t tiered_task_state::budget_bytes() const {
  // An eighth is the block cache's (tiered_chain), another one for sorting what is ingested and what malloc cannot give back.
  return options_.memory_bytes - options_.memory_bytes / 4;
}

void tiered_task_state::notice_base() {
  if (base_ != nullptr) return;
  base_ = chain_->base();
}

void tiered_task_state::expect_eviction() {
  if (keeps_tombstones_) return;
  keeps_tombstones_ = true;
  // Only from the next cut on has every erased entry left a tombstone.
  first_evicting_cut_ = cut_ + 1;
}

void tiered_task_state::settle() {
  if (settled_) return;
  settled_ = true;
  chain_->drop_tables(tables_.drop_unopened());
  if (base_ != nullptr && chain_->ingested_cut() == 0) {
    loader_ = std::make_unique<base_loader>(*base_, options_.groups, tables_.shapes());
  }
}

bool tiered_task_state::absorb() {
  if (!loader_) return false;
  if (const auto read = loader_->take()) {
    if (auto absorbed = absorb_chunk(*read); !absorbed) failed_ = std::move(absorbed).error();
  }
  if (!failed_ && !loader_->finished()) return true;
  if (auto status = loader_->status(); !status) failed_ = std::move(status).error();
  loader_.reset();
  return false;
}

result<void> tiered_task_state::absorb_chunk(const base_loader::chunk& read) {
  state_table* table = tables_.state_of(read.table.number);
  if (table == nullptr) return {};
  // Beyond four fifths of the memory entries stay below: what the job uses is brought up anyway.
  const bool keep = tables_.memory_bytes() < budget_bytes() / 5 * 4;
  const table_shape any_size{read.table.number,
                             read.table.kind == table_kind::timers ? table_kind::timers : table_kind::values, 0};
  byte_reader rest(read.bytes);
  delta_record record;
  for (uint32_t i = 0; i < read.records; ++i) {
    if (!read_record(rest, any_size, record)) return fail(error_code::internal, "the loader made a malformed record");
    SYSTOLE_TRY(table->load(read.group_index, record, keep));
  }
  if (read.last_of_group) table->finish_group(read.group_index);
  return {};
}

int64_t tiered_task_state::on_budget(state_table& table) {
  settle();
  notice_base();
  const bool loading = absorb();
  const uint64_t bytes = tables_.memory_bytes() + log_.waiting_bytes();
  ++calls_since_cut_;
  const uint64_t budget = budget_bytes();
  if (bytes > budget / 4 * 3) expect_eviction();
  if (bytes < budget / 2) keeps_tombstones_ = false;
  // Begun in time, what must be ingested before there is no room is little and soon done.
  if (bytes > budget / 8 * 7 && chain_->delta_bytes() > budget / 8) ask_for_ingest(table);
  if (bytes <= budget) return loading ? rows_between_urgent_checks : rows_between_checks;
  shrink(table, bytes);
  return rows_between_urgent_checks;
}

void tiered_task_state::ask_for_ingest(state_table& table) {
  constexpr uint64_t calls_worth_a_cut = 16;
  if (chain_->ingesting() || calls_since_cut_ < calls_worth_a_cut) return;
  // The table's own entries may be copied now, since its caller holds no addresses of them; the others' when they come here.
  if (auto flushed = table.flush_changes(); !flushed) failed_ = std::move(flushed).error();
  tables_.flush_logged();
  cut(std::nullopt);
  chain_->request_ingest();
}

void tiered_task_state::shrink(state_table& table, uint64_t bytes) {
  const uint64_t budget = budget_bytes();
  // Not to be called again at once.
  const uint64_t target = budget / 5 * 4;
  const auto evict = [&] {
    const double share = static_cast<double>(target) / static_cast<double>(bytes);
    table.evict(static_cast<uint64_t>(share * static_cast<double>(table.memory_bytes())));
    give_back_freed_memory();
  };
  if (may_evict()) {
    evict();
    bytes = tables_.memory_bytes() + log_.waiting_bytes();
    if (bytes <= budget) return;
  }
  ask_for_ingest(table);
  // Well over the limit the task waits: the state thread cannot keep up, and memory is a promise.
  if (bytes > budget + budget / 8 && chain_->ingesting()) {
    chain_->wait_for_ingest();
    notice_base();
    if (may_evict()) evict();
  }
}

void tiered_task_state::cut(std::optional<epoch_id> epoch) {
  chain_->add(cut_, log_.cut(), epoch);
  ++cut_;
  calls_since_cut_ = 0;
}

result<std::unique_ptr<state_snapshot>> tiered_task_state::begin_snapshot(epoch_id epoch) {
  if (failed_) return *failed_;
  settle();
  notice_base();
  const uint64_t bytes = tables_.memory_bytes();
  if (bytes > budget_bytes()) {
    expect_eviction();
    if (may_evict()) tables_.evict(static_cast<double>(budget_bytes()) / static_cast<double>(bytes) * 0.8);
  }
  SYSTOLE_TRY(tables_.flush_changes());
  const uint64_t ended = cut_;
  cut(epoch);
  if (tables_.memory_bytes() > budget_bytes()) chain_->request_ingest();
  return std::unique_ptr<state_snapshot>(std::make_unique<tiered_snapshot>(chain_, ended, epoch));
}

}  // namespace systole
