#include "tests/actors/fakes.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <thread>

#include "base/bytes.h"

namespace systole::testing {
namespace {

batch make_rows(const std::vector<int64_t>& values) {
  column_builder column({type_id::int64}, values.size());
  column_builder times({type_id::timestamptz}, values.size());
  for (const int64_t each : values) {
    column.append<int64_t>(each);
    times.append<int64_t>(each);
  }
  batch made(values.size(), {column.finish()});
  made.set_hidden(hidden::event_time, times.finish());
  return made;
}

class fake_reader final : public source_reader {
 public:
  fake_reader(std::shared_ptr<fake_world> world, std::string step, std::map<uint32_t, int64_t> next)
      : world_(std::move(world)), step_(std::move(step)), next_(std::move(next)) {}

  result<source_poll> poll() override {
    const std::lock_guard lock(world_->mutex);
    ++world_->polls[step_];
    source_poll made;
    std::vector<int64_t> values;
    const size_t most = world_->rows_per_cut == 0
                            ? world_->rows_per_poll
                            : std::min(world_->rows_per_poll, world_->rows_per_cut - rows_since_cut_);
    // The lowest value first, as the splits' watermarks want it.
    while (values.size() < most) {
      auto lowest = std::min_element(next_.begin(), next_.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
      if (lowest == next_.end() || lowest->second >= world_->records) break;
      if (lowest->second == world_->fail_at && world_->failures > 0) {
        --world_->failures;
        return fail(world_->failure_code, "the reader failed on purpose");
      }
      values.push_back(lowest->second);
      lowest->second += world_->splits;
    }
    made.records = values.size();
    made.bytes = values.size() * 8;
    if (!values.empty()) made.watermark = values.back() - world_->watermark_lag;
    rows_since_cut_ += values.size();
    if (values.empty()) made.what = world_->endless || most == 0 ? source_poll::kind::idle : source_poll::kind::finished;
    else made.rows = make_rows(values);
    return made;
  }

  std::string snapshot() override {
    rows_since_cut_ = 0;
    std::string out;
    for (const auto& [split, next] : next_) {
      append_varint(out, split);
      append_varint(out, static_cast<uint64_t>(next));
    }
    return out;
  }

 private:
  std::shared_ptr<fake_world> world_;
  std::string step_;
  std::map<uint32_t, int64_t> next_;
  size_t rows_since_cut_ = 0;
};

class fake_source final : public source_factory {
 public:
  fake_source(std::shared_ptr<fake_world> world, std::string step) : world_(std::move(world)), step_(std::move(step)) {}
  bool bounded() const override { return !world_->endless; }
  result<std::unique_ptr<source_reader>> make_reader(uint32_t subtask, uint32_t parallelism,
                                                     const std::vector<std::string>& restored) override {
    std::map<uint32_t, int64_t> all;
    for (uint32_t i = 0; i < world_->splits; ++i) all[i] = i;
    for (const std::string& bytes : restored) {
      byte_reader in(bytes);
      while (!in.at_end() && in.ok()) {
        const auto split = static_cast<uint32_t>(in.varint());
        all[split] = static_cast<int64_t>(in.varint());
      }
    }
    std::map<uint32_t, int64_t> mine;
    for (const auto& [split, next] : all)
      if (split % parallelism == subtask) mine[split] = next;
    return std::unique_ptr<source_reader>(std::make_unique<fake_reader>(world_, step_, std::move(mine)));
  }

 private:
  std::shared_ptr<fake_world> world_;
  std::string step_;
};

std::string published_path(const fake_world& world) { return world.directory + "/published"; }

result<void> store_published(const fake_world& world) {
  if (world.directory.empty()) return {};
  std::string out;
  append_varint(out, world.published_up_to.size());
  for (const auto& [key, up_to] : world.published_up_to) {
    append_bytes(out, key.first);
    append_varint(out, key.second);
    append_varint(out, up_to);
  }
  append_varint(out, world.published.size());
  for (const auto& [sink, rows] : world.published) {
    append_bytes(out, sink);
    append_varint(out, rows.size());
    for (const std::string& row : rows) append_bytes(out, row);
  }
  return write_file_durably(posix_file_system(), published_path(world), out);
}

/// Publishes what a shard's committable holds and no commit has taken. REQUIRES: the world's mutex is held.
result<void> publish(fake_world& world, const std::string& step, uint32_t shard, std::string_view committable) {
  uint64_t& up_to = world.published_up_to[{step, shard}];
  byte_reader in(committable);
  uint64_t index = in.varint();
  for (; !in.at_end() && in.ok(); ++index) {
    const std::string row(in.bytes());
    if (index < up_to) continue;
    world.published[step].push_back(row);
    up_to = index + 1;
  }
  if (!in.ok()) return fail(error_code::corrupt, "a committable is cut short");
  return {};
}

/// A commit meets a slow sink, or one that is away.
result<void> reach_sink(fake_world& world) {
  // A sleep on purpose: that a source waits for a slow sink shows only while time passes.
  if (world.commit_takes.count() > 0) std::this_thread::sleep_for(world.commit_takes);
  const std::lock_guard lock(world.mutex);
  if (world.commit_failures == 0) return {};
  --world.commit_failures;
  return fail(error_code::unavailable, "the sink cannot be reached");
}

/// Publishes (value, count) rows as text. The committable holds the rows that no commit was known to have taken.
class fake_writer final : public sink_writer {
 public:
  fake_writer(std::shared_ptr<fake_world> world, std::string step, uint32_t shard)
      : world_(std::move(world)), key_(std::move(step), shard) {
    const std::lock_guard lock(world_->mutex);
    first_ = world_->published_up_to[key_];
  }
  result<void> write(const batch& rows) override {
    for (size_t row = 0; row < rows.rows(); ++row) {
      std::string text;
      for (const column_ptr& each : rows.columns()) {
        if (!text.empty()) text += ",";
        if (each->is_null(row)) text += "-";
        else if (each->type().is_text_like()) text += each->text(row);
        else
          text += std::to_string(value_width(each->type().id) == 4 ? each->values<int32_t>()[row]
                                                                   : each->values<int64_t>()[row]);
      }
      bytes_ += text.size();
      rows_.push_back(std::move(text));
    }
    const std::lock_guard lock(world_->mutex);
    forget_published();
    world_->most_outstanding_bytes = std::max(world_->most_outstanding_bytes, bytes_);
    return {};
  }
  result<sealed_epoch> seal(epoch_id epoch, bool) override {
    const std::lock_guard lock(world_->mutex);
    forget_published();
    sealed_epoch made;
    append_varint(made.committable, first_);
    for (const std::string& each : rows_) append_bytes(made.committable, each);
    sealed_ = {epoch, made.committable};
    return made;
  }
  result<void> make_durable(epoch_id) override { return {}; }
  result<void> commit(const commit_epoch& epoch) override {
    SYSTOLE_TRY(reach_sink(*world_));
    const std::lock_guard lock(world_->mutex);
    if (sealed_.first != epoch.epoch) return fail(error_code::internal, "a commit of an epoch that was not sealed last");
    SYSTOLE_TRY(publish(*world_, key_.first, key_.second, sealed_.second));
    world_->commits[key_.first].push_back(epoch.epoch.value);
    return store_published(*world_);
  }
  uint64_t outbox_bytes() const override {
    const std::lock_guard lock(world_->mutex);
    forget_published();
    return bytes_;
  }

 private:
  /// REQUIRES: the world's mutex is held.
  void forget_published() const {
    for (const uint64_t published = world_->published_up_to[key_]; first_ < published && !rows_.empty(); ++first_) {
      bytes_ -= rows_.front().size();
      rows_.pop_front();
    }
  }

  std::shared_ptr<fake_world> world_;
  std::pair<std::string, uint32_t> key_;
  std::pair<epoch_id, std::string> sealed_;  ///< the last one's committable
  mutable uint64_t first_ = 0;
  mutable uint64_t bytes_ = 0;
  mutable std::deque<std::string> rows_;
};

class fake_committer final : public sink_committer {
 public:
  fake_committer(std::shared_ptr<fake_world> world, std::string step)
      : world_(std::move(world)), step_(std::move(step)) {}
  result<void> recover(epoch_id) override { return {}; }
  result<void> commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) override {
    SYSTOLE_TRY(reach_sink(*world_));
    const std::lock_guard lock(world_->mutex);
    for (const shard_commit& shard : shards) SYSTOLE_TRY(publish(*world_, step_, shard.shard, shard.committable));
    world_->commits[step_].push_back(epoch.epoch.value);
    return store_published(*world_);
  }

 private:
  std::shared_ptr<fake_world> world_;
  std::string step_;
};

class fake_sink final : public sink_factory {
 public:
  fake_sink(std::shared_ptr<fake_world> world, std::string step) : world_(std::move(world)), step_(std::move(step)) {}
  bool accepts_changelog() const override { return true; }
  bool shards_commit() const override { return world_->shards_commit; }
  result<std::unique_ptr<sink_writer>> make_writer(uint32_t shard, uint32_t) override {
    return std::unique_ptr<sink_writer>(std::make_unique<fake_writer>(world_, step_, shard));
  }
  result<std::unique_ptr<sink_committer>> make_committer(uint32_t) override {
    return std::unique_ptr<sink_committer>(std::make_unique<fake_committer>(world_, step_));
  }

 private:
  std::shared_ptr<fake_world> world_;
  std::string step_;
};

/// Emits (value % 10, how many of that so far); the counts are its state.
class running_count final : public stream_operator {
 public:
  explicit running_count(const operator_context& context) : context_(context) {}
  result<progress> process(batch rows, uint32_t, output& out) override {
    context_.accounting->in += rows.rows();
    context_.accounting->absorbed += rows.rows();
    column_builder keys({type_id::int64}, rows.rows()), counts({type_id::int64}, rows.rows());
    const int64_t* values = rows.at(0).values<int64_t>();
    for (size_t i = 0; i < rows.rows(); ++i) {
      keys.append<int64_t>(values[i] % 10);
      counts.append<int64_t>(++counts_[values[i] % 10]);
    }
    batch made = rows.with_columns({keys.finish(), counts.finish()});
    out.push(std::move(made));
    return progress::done;
  }
  std::string snapshot() const override {
    std::string made;
    for (const auto& [key, count] : counts_) {
      append_varint(made, static_cast<uint64_t>(key));
      append_varint(made, static_cast<uint64_t>(count));
    }
    return made;
  }
  result<void> restore(std::string_view bytes) override {
    byte_reader in(bytes);
    while (!in.at_end() && in.ok()) {
      const auto key = static_cast<int64_t>(in.varint());
      // Each key was counted in one old subtask: the rest of them hold nothing for it.
      counts_[key] += static_cast<int64_t>(in.varint());
    }
    return {};
  }

 private:
  operator_context context_;
  std::map<int64_t, int64_t> counts_;
};

/// running_count with its counts in keyed state.
class keyed_count final : public stream_operator {
 public:
  explicit keyed_count(const operator_context& context) : context_(context) {}
  result<void> open() override {
    SYSTOLE_ASSIGN(table_, context_.state->open_values({.step = context_.step,
                                                        .name = "counts",
                                                        .layout = "bigint -> bigint",
                                                        .fingerprint = "value % 10",
                                                        .fixed_value_bytes = 8}));
    return {};
  }
  result<progress> process(batch rows, uint32_t, output& out) override {
    context_.accounting->in += rows.rows();
    context_.accounting->absorbed += rows.rows();
    column_builder keys({type_id::int64}, rows.rows()), counts({type_id::int64}, rows.rows());
    const int64_t* values = rows.at(0).values<int64_t>();
    for (size_t i = 0; i < rows.rows(); ++i) keys.append<int64_t>(values[i] % 10);
    const column_ptr key = keys.finish();
    const column* const columns[] = {key.get()};
    encoded_.encode(columns, rows.rows());
    entries_.resize(rows.rows());
    SYSTOLE_TRY(table_->find_or_insert(encoded_, {}, entries_));
    for (size_t i = 0; i < rows.rows(); ++i) {
      int64_t count;
      std::memcpy(&count, entries_[i].value, sizeof count);
      counts.append<int64_t>(++count);
      std::memcpy(entries_[i].value, &count, sizeof count);
    }
    out.push(rows.with_columns({key, counts.finish()}));
    return progress::done;
  }

 private:
  operator_context context_;
  value_table* table_ = nullptr;
  encoded_keys encoded_;
  std::vector<state_entry> entries_;
};

/// Rejects value % 10 = 3, passes the rest.
class picky_filter final : public stream_operator {
 public:
  explicit picky_filter(const operator_context& context) : context_(context) {}
  result<progress> process(batch rows, uint32_t, output& out) override {
    context_.accounting->in += rows.rows();
    const int64_t* values = rows.at(0).values<int64_t>();
    std::vector<uint32_t> kept;
    for (uint32_t i = 0; i < rows.rows(); ++i) {
      if (values[i] % 10 == 3) out.reject(rows, i, {"three", "it ends in three", ""});
      else kept.push_back(i);
    }
    context_.accounting->out += kept.size();
    out.push(gather(rows, kept));
    return progress::done;
  }

 private:
  operator_context context_;
};

class fake_snapshot final : public state_snapshot {
 public:
  explicit fake_snapshot(key_group_range groups) : groups_(groups) {}
  result<proto::KeyedStateHandle> write() override {
    proto::KeyedStateHandle made;
    made.set_first_key_group(groups_.first);
    made.set_last_key_group(groups_.last);
    return made;
  }

 private:
  key_group_range groups_;
};

class fake_state final : public task_state {
 public:
  explicit fake_state(key_group_range groups) : groups_(groups) {}
  result<value_table*> open_values(const table_descriptor&) override { return fail(error_code::internal, "no tables"); }
  result<map_table*> open_map(const table_descriptor&) override { return fail(error_code::internal, "no tables"); }
  result<timer_table*> open_timers(const table_descriptor&) override { return fail(error_code::internal, "no tables"); }
  uint64_t memory_bytes() const override { return 0; }
  result<std::unique_ptr<state_snapshot>> begin_snapshot(epoch_id) override {
    return std::unique_ptr<state_snapshot>(std::make_unique<fake_snapshot>(groups_));
  }
  std::vector<proto::TableDescriptor> descriptors(const std::string&) const override { return {}; }

 private:
  key_group_range groups_;
};

class fake_store final : public checkpoint_store {
 public:
  explicit fake_store(std::shared_ptr<fake_world> world) : world_(std::move(world)) {}
  result<proto::FileReference> put_file(const std::string&, uint64_t, uint64_t) override {
    return fail(error_code::internal, "no files");
  }
  result<std::string> path_of(const proto::FileReference&) override { return fail(error_code::internal, "no files"); }
  result<void> verify(const proto::FileReference&) override { return {}; }
  result<proto::FileReference> put_metadata(const proto::CheckpointMetadata& metadata) override {
    const std::lock_guard lock(world_->mutex);
    if (world_->fail_metadata > 0) {
      --world_->fail_metadata;
      return fail(world_->store_failure_code, "no space left on device");
    }
    proto::FileReference made;
    made.set_name(metadata.uuid());
    world_->metadata[metadata.uuid()] = metadata;
    return made;
  }
  result<proto::CheckpointMetadata> read_metadata(const proto::FileReference& file) override {
    const std::lock_guard lock(world_->mutex);
    return world_->metadata.at(file.name());
  }
  result<void> append(proto::LogRecord record) override {
    const std::lock_guard lock(world_->mutex);
    record.set_sequence(world_->log.size() + 1);
    world_->log.push_back(std::move(record));
    return {};
  }
  result<std::vector<proto::LogRecord>> read_log() override {
    const std::lock_guard lock(world_->mutex);
    return world_->log;
  }
  result<void> collect_garbage(uint32_t) override { return {}; }
  result<void> clear() override { return {}; }

 private:
  std::shared_ptr<fake_world> world_;
};

void add_field(proto::Schema* to, const char* name) {
  proto::Field* field = to->add_fields();
  field->set_name(name);
  field->mutable_type()->set_id(static_cast<uint32_t>(type_id::int64));
}

}  // namespace

job_components fake_components(std::shared_ptr<fake_world> world, file_system& files, const clock& time) {
  job_components made;
  made.make_operator = [world](const proto::Node& node, const std::vector<operator_input>&,
                               const operator_context& context) -> result<std::unique_ptr<stream_operator>> {
    if (node.has_aggregate() && world->real_state)
      return std::unique_ptr<stream_operator>(std::make_unique<keyed_count>(context));
    if (node.has_aggregate()) return std::unique_ptr<stream_operator>(std::make_unique<running_count>(context));
    return std::unique_ptr<stream_operator>(std::make_unique<picky_filter>(context));
  };
  made.make_source = [world](const proto::Node& node,
                             const connector_context&) -> result<std::unique_ptr<source_factory>> {
    return std::unique_ptr<source_factory>(std::make_unique<fake_source>(world, node.step()));
  };
  made.make_sink = [world](const proto::Node& node, const sink_input&,
                           const connector_context&) -> result<std::unique_ptr<sink_factory>> {
    return std::unique_ptr<sink_factory>(std::make_unique<fake_sink>(world, node.step()));
  };
  made.open_state = [](const task_state_options& options, const std::vector<restored_state>&) -> result<std::unique_ptr<task_state>> {
    return std::unique_ptr<task_state>(std::make_unique<fake_state>(options.groups));
  };
  made.open_store = [world](file_system&, const std::string&,
                            const std::string&) -> result<std::unique_ptr<checkpoint_store>> {
    return std::unique_ptr<checkpoint_store>(std::make_unique<fake_store>(world));
  };
  if (world->real_state) {
    made.open_state = open_task_state;
    made.open_store = open_directory_store;
  }
  for (const char* name : {"step", "rule"}) made.dead_letter_columns.fields.push_back({name, {type_id::text}, true});
  made.files = &files;
  made.time = &time;
  return made;
}

proto::PhysicalPlan counting_plan(uint32_t parallelism, bool with_dead_letter) {
  proto::PhysicalPlan plan;
  plan.set_job("counting");
  plan.set_max_parallelism(128);
  plan.mutable_checkpoint()->set_interval_us(5'000);
  plan.mutable_checkpoint()->set_timeout_us(60'000'000);
  plan.mutable_restart()->set_initial_delay_us(1'000);
  plan.mutable_restart()->set_max_delay_us(2'000);
  const bool split = parallelism > 1;

  proto::Node* source = plan.add_nodes();
  source->set_id(1);
  source->set_step("numbers");
  source->set_stage(1);
  source->mutable_source()->set_number(0);
  source->mutable_source()->mutable_watermark()->set_column("value");
  add_field(source->mutable_output(), "value");

  uint32_t before = 1;
  if (with_dead_letter) {
    proto::Node* filter = plan.add_nodes();
    filter->set_id(2);
    filter->set_step("picky");
    filter->set_stage(1);
    filter->mutable_filter();
    filter->add_inputs()->set_from(1);
    add_field(filter->mutable_output(), "value");
    before = 2;
  }
  proto::Node* count = plan.add_nodes();
  count->set_id(3);
  count->set_step("counts");
  count->set_stage(split ? 2 : 1);
  count->mutable_aggregate();
  proto::Edge* edge = count->add_inputs();
  edge->set_from(before);
  if (split) {
    edge->set_exchange(proto::Edge::HASH);
    edge->add_keys()->set_sql("value % 10");
  }
  add_field(count->mutable_output(), "key");
  add_field(count->mutable_output(), "count");

  proto::Node* sink = plan.add_nodes();
  sink->set_id(4);
  sink->set_step("out");
  sink->set_stage(split ? 2 : 1);
  sink->mutable_sink();
  sink->add_inputs()->set_from(3);

  proto::Stage* first = plan.add_stages();
  first->set_id(1);
  first->set_parallelism(parallelism);
  first->add_nodes(1);
  if (with_dead_letter) first->add_nodes(2);
  proto::Stage* second = split ? plan.add_stages() : first;
  second->set_id(split ? 2 : 1);
  second->set_parallelism(parallelism);
  second->add_nodes(3);
  second->add_nodes(4);
  if (with_dead_letter) {
    proto::Node* rejected = plan.add_nodes();
    rejected->set_id(5);
    rejected->set_step("rejected");
    rejected->set_stage(split ? 2 : 1);
    rejected->mutable_sink();
    second->add_nodes(5);
    plan.mutable_errors()->set_dead_letter_node(5);
  }
  return plan;
}

void load_published(fake_world& world) {
  const auto bytes = posix_file_system().read_all(published_path(world), 1 << 30);
  if (!bytes) return;  // nothing was published yet
  byte_reader in(*bytes);
  for (uint64_t n = in.varint(); n > 0; --n) {
    const std::string sink(in.bytes());
    const auto shard = static_cast<uint32_t>(in.varint());
    world.published_up_to[{sink, shard}] = in.varint();
  }
  for (uint64_t n = in.varint(); n > 0; --n) {
    std::vector<std::string>& rows = world.published[std::string(in.bytes())];
    for (uint64_t r = in.varint(); r > 0; --r) rows.emplace_back(in.bytes());
  }
}

std::vector<std::string> expected_counts(int64_t records, bool with_filter) {
  std::vector<std::string> made;
  std::map<int64_t, int64_t> counts;
  for (int64_t i = 0; i < records; ++i)
    if (!with_filter || i % 10 != 3) made.push_back(std::to_string(i % 10) + "," + std::to_string(++counts[i % 10]));
  std::sort(made.begin(), made.end());
  return made;
}

}  // namespace systole::testing
