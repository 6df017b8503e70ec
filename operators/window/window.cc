#include "operators/window/window.h"

#include <algorithm>

#include "data/row_encoding.h"
#include "operators/aggregate/accumulator_set.h"
#include "operators/change_rows.h"
#include "operators/row_projection.h"
#include "operators/window/open_windows.h"
#include "operators/window/window_times.h"

namespace systole {
namespace {

/// Pairs of row and window that are worked on at once; a row of a hopping window may have thousands.
constexpr size_t pair_limit = 65'536;

/// What the plan says, bound.
struct window_plan {
  window_times times;
  open_windows::layout layout;
  bool drop_late = false;
  bool changelog_output = false;
  bool omit_update_before = false;
  std::vector<expression_ptr> keys;
  row_layout key_layout;
  row_projection results;  ///< over key columns, call columns, window_start, window_end, window_time
};

class window final : public stream_operator {
 public:
  window(const operator_context& context, window_plan plan, std::unique_ptr<accumulator_set> accumulators)
      : context_(context),
        plan_(std::move(plan)),
        accumulators_(std::move(accumulators)),
        windows_(plan_.layout),
        key_encoder_(plan_.key_layout) {}

  result<void> open() override;
  result<progress> process(batch rows, uint32_t input, output& out) override;
  result<progress> on_watermark(timestamp_us watermark, output& out) override;
  result<progress> resume(output& out) override { return adding_.empty() ? fire(out) : add_rows(out); }
  result<void> on_barrier(output&) override { return windows_.write_back(watermark_); }
  /// Results come up to the lateness after their window's end and must not be late downstream.
  timestamp_us output_watermark(timestamp_us watermark) const override {
    return watermark == watermark_end ? watermark : add_saturating(watermark, -plan_.layout.lateness_us);
  }

 private:
  /// A group that rows in hand belong to.
  struct touched_group {
    window_groups* window;
    uint32_t index;
    window_groups::group& get() const { return window->at(index); }
  };

  batch reject_late(const batch& rows, output& out);
  result<progress> add_rows(output& out);
  result<void> add_pair(uint32_t row, timestamp_us start);
  result<void> apply_pairs(const batch& rows, output& out);
  bool corrects(const touched_group& group) const {
    return plan_.layout.on_time && (group.get().emitted || windows_.first_firing(group.window->start()) <= watermark_);
  }
  void name_groups();
  batch result_rows(std::vector<column_ptr> calls);
  void emit_corrections(std::vector<column_ptr> before, std::vector<column_ptr> after, std::vector<uint8_t> failed,
                        output& out);
  result<progress> fire(output& out);
  void collect_due(std::vector<window_groups*>& finished);
  result<void> emit_touched(output& out);
  result<void> close(window_groups& window);

  operator_context context_;
  window_plan plan_;
  std::unique_ptr<accumulator_set> accumulators_;
  open_windows windows_;
  timestamp_us watermark_ = watermark_none;

  // The batch whose rows are being added, and where that goes on after `again`.
  batch adding_, adding_keys_;
  uint32_t next_row_ = 0;
  encoded_keys keys_;
  row_encoder key_encoder_;
  std::string key_row_;
  window_groups* recent_ = nullptr;  ///< the window of the row before
  uint64_t pass_ = 0;                ///< numbers the calls of apply_pairs
  std::vector<uint32_t> pair_rows_, pair_groups_;
  std::vector<touched_group> touched_;
  std::vector<accumulator_group> groups_;  ///< touched_ as accumulators see them

  // Where firing goes on after `again`.
  timestamp_us firing_ = watermark_none;  ///< the window that is being fired starts here or behind it
  uint32_t fired_groups_ = 0;
};

result<void> window::open() {
  table_descriptor descriptor{.step = context_.step, .name = "groups", .layout_version = row_encoding_version};
  descriptor.layout = accumulators_->layout() + "; keys";
  for (data_type each : plan_.key_layout.types) descriptor.layout += " " + to_string(each);
  descriptor.layout += plan_.layout.on_time ? "; emitted" : "";
  descriptor.layout += plan_.layout.counts_rows ? "; rows" : "";
  descriptor.fingerprint = accumulators_->fingerprint() + "; by";
  for (const expression_ptr& each : plan_.keys) descriptor.fingerprint += " " + each->normalized();
  descriptor.fingerprint += "; size " + std::to_string(plan_.layout.size_us) + " slide " +
                            std::to_string(plan_.times.slide_us()) + " lateness " +
                            std::to_string(plan_.layout.lateness_us);
  SYSTOLE_TRY(windows_.open(context_, descriptor));
  return accumulators_->open();
}

batch window::reject_late(const batch& rows, output& out) {
  std::vector<uint32_t> kept;
  kept.reserve(rows.rows());
  for (uint32_t row = 0; row < rows.rows(); ++row) {
    if (!rows.has_event_time(row)) {
      out.reject(rows, row, {"expression", "the row has no event time and so belongs to no window", "22004"});
      continue;
    }
    const timestamp_us start = plan_.times.last_start(rows.event_time(row));
    if (windows_.closing(start) > watermark_) [[likely]] {
      if (plan_.times.end(start) > rows.event_time(row)) kept.push_back(row);
      else ++context_.accounting->filtered;  // between two windows, where slide > size
    } else if (plan_.drop_late) {
      ++context_.accounting->late;
    } else {
      out.reject(rows, row, {"late", "the row's windows are closed", {}});
    }
  }
  return kept.size() == rows.rows() ? rows : gather(rows, kept);
}

result<progress> window::process(batch rows, uint32_t, output& out) {
  context_.accounting->in += rows.rows();
  rows = reject_late(rows, out);
  std::vector<column_ptr> key_columns;
  std::vector<row_error> errors;
  while (!rows.empty()) {
    evaluate_or_reject(plan_.keys, rows, context_, key_columns, out);
    accumulators_->evaluate(rows, errors);
    if (errors.empty()) break;
    rows = reject_failed_rows(rows, errors, out);
  }
  if (rows.empty()) return progress::done;
  context_.accounting->absorbed += rows.rows();
  keys_.encode(pointers_of(key_columns), rows.rows());
  adding_keys_ = batch(rows.rows(), std::move(key_columns));
  key_encoder_.bind(adding_keys_);
  adding_ = std::move(rows);
  next_row_ = 0;
  return add_rows(out);
}

result<progress> window::add_rows(output& out) {
  recent_ = nullptr;
  ++pass_;
  const int64_t* times = adding_.hidden_column(hidden::event_time)->values<int64_t>();
  const bool tumbling = plan_.times.slide_us() >= plan_.times.size_us();
  while (next_row_ < adding_.rows()) {
    const uint32_t row = next_row_++;
    timestamp_us start = plan_.times.last_start(times[row]);
    if (tumbling) {
      SYSTOLE_TRY(add_pair(row, start));
      continue;
    }
    for (; plan_.times.end(start) > times[row] && windows_.closing(start) > watermark_;
         start -= plan_.times.slide_us()) {
      SYSTOLE_TRY(add_pair(row, start));
      if (start < watermark_none + plan_.times.slide_us()) break;
    }
    if (pair_rows_.size() < pair_limit) continue;
    SYSTOLE_TRY(apply_pairs(adding_, out));
    if (out.full()) return progress::again;
  }
  SYSTOLE_TRY(apply_pairs(adding_, out));
  adding_ = adding_keys_ = batch();
  SYSTOLE_TRY(windows_.shrink(watermark_));
  return progress::done;
}

result<void> window::add_pair(uint32_t row, timestamp_us start) {
  if (!recent_ || recent_->start() != start) recent_ = &windows_.window(start, watermark_);
  SYSTOLE_ASSIGN(const uint32_t index, windows_.find_or_add(*recent_, keys_.key(row), keys_.hash(row), [&] {
    key_row_.clear();
    key_encoder_.append(key_row_, row);
    return std::string_view(key_row_);
  }));
  window_groups::group& group = recent_->at(index);
  if (group.seen != pass_) {
    group.seen = pass_;
    group.local = static_cast<uint32_t>(touched_.size());
    touched_.push_back({recent_, index});
  }
  pair_rows_.push_back(row);
  pair_groups_.push_back(group.local);
  return {};
}

void window::name_groups() {
  groups_.clear();
  groups_.reserve(touched_.size());
  const bool named = plan_.layout.key_groups > 0;
  for (const touched_group& each : touched_) {
    const std::string_view name = named ? each.window->name(each.get()) : std::string_view();
    groups_.push_back({each.window->value(each.index), name, named ? hash_key(name) : 0});
  }
}

result<void> window::apply_pairs(const batch& rows, output& out) {
  if (pair_rows_.empty()) return {};
  name_groups();
  const bool correcting =
      plan_.layout.on_time &&
      std::any_of(touched_.begin(), touched_.end(), [this](const touched_group& each) { return corrects(each); });
  SYSTOLE_TRY(accumulators_->begin(groups_));
  std::vector<column_ptr> before, after;
  std::vector<row_error> errors;
  // What was out of range before was never emitted: its group says so.
  if (correcting) before = accumulators_->results(errors);
  SYSTOLE_TRY(accumulators_->add(pair_rows_, pair_groups_));
  errors.clear();
  if (correcting) after = accumulators_->results(errors);
  SYSTOLE_TRY(accumulators_->end());
  for (size_t pair = 0; plan_.layout.counts_rows && pair < pair_rows_.size(); ++pair)
    touched_[pair_groups_[pair]].get().rows += sign(rows.kind(pair_rows_[pair]));
  for (const touched_group& each : touched_) {
    each.get().dirty = true;
    if (!plan_.layout.counts_rows) each.get().rows = 1;
  }
  if (correcting) {
    std::vector<uint8_t> failed(touched_.size(), 0);
    const batch whole = result_rows(after);
    for (const row_error& error : errors) {
      if (failed[error.row] || !corrects(touched_[error.row])) continue;
      failed[error.row] = 1;
      out.reject(whole, error.row, {failed_result_rule, error.reason, error.sqlstate});
    }
    emit_corrections(std::move(before), std::move(after), std::move(failed), out);
  }
  pair_rows_.clear();
  pair_groups_.clear();
  touched_.clear();
  ++pass_;
  return {};
}

/// One row per touched group: what the plan's fields are evaluated over.
batch window::result_rows(std::vector<column_ptr> calls) {
  const size_t n = touched_.size();
  row_decoder decoder(plan_.key_layout, n);
  column_builder starts({type_id::timestamptz}, n), ends({type_id::timestamptz}, n), times({type_id::timestamptz}, n);
  for (const touched_group& each : touched_) {
    // Its own bytes, encoded a moment ago or checked when they were loaded.
    [[maybe_unused]] const result<void> decoded = decoder.append(each.window->key_row(each.get()));
    assert(decoded);
    const timestamp_us start = each.window->start(), end = plan_.times.end(start);
    starts.append<int64_t>(start);
    ends.append<int64_t>(end);
    times.append<int64_t>(end - 1);
  }
  std::vector<column_ptr> columns = decoder.finish().columns();
  columns.insert(columns.end(), calls.begin(), calls.end());
  columns.push_back(starts.finish());
  columns.push_back(ends.finish());
  columns.push_back(times.finish());
  const column_ptr event_time = columns.back();
  batch made(n, std::move(columns));
  made.set_hidden(hidden::event_time, event_time);
  return made;
}

void window::emit_corrections(std::vector<column_ptr> before, std::vector<column_ptr> after,
                              std::vector<uint8_t> failed, output& out) {
  const size_t n = touched_.size();
  std::vector<uint8_t> has_before(n), has_after(n);
  for (size_t i = 0; i < n; ++i) {
    const window_groups::group& group = touched_[i].get();
    has_before[i] = group.emitted;
    has_after[i] = !failed[i] && group.rows > 0 && corrects(touched_[i]);
  }
  const batch old_rows = result_rows(std::move(before)), new_rows = result_rows(std::move(after));
  std::vector<column_ptr> old_columns = plan_.results.evaluate(old_rows, has_before, out);
  std::vector<column_ptr> new_columns = plan_.results.evaluate(new_rows, has_after, out);
  for (size_t i = 0; i < n; ++i)
    if (corrects(touched_[i])) touched_[i].get().emitted = has_after[i];
  // The event time goes along as a column: it is the same before and after.
  old_columns.push_back(old_rows.hidden_column(hidden::event_time));
  new_columns.push_back(old_columns.back());
  batch changes = make_changes({old_columns, has_before, new_columns, has_after, n}, plan_.omit_update_before);
  if (changes.empty()) return;
  std::vector<column_ptr> visible = changes.columns();
  changes.set_hidden(hidden::event_time, visible.back());
  visible.pop_back();
  changes = changes.with_columns(std::move(visible));
  out.push(std::move(changes));
}

result<progress> window::on_watermark(timestamp_us watermark, output& out) {
  watermark_ = std::max(watermark_, watermark);
  firing_ = watermark_none;
  fired_groups_ = 0;
  return fire(out);
}

/// Collects groups to fire, of as many windows as make a batch. `finished` gets the windows that have no more.
void window::collect_due(std::vector<window_groups*>& finished) {
  while (touched_.size() < context_.batch_rows) {
    window_groups* const due = windows_.next_due(firing_, watermark_);
    if (!due) return;
    if (due->start() != firing_) fired_groups_ = 0;
    firing_ = due->start();
    if (due->fired) fired_groups_ = static_cast<uint32_t>(due->size());
    for (; fired_groups_ < due->size() && touched_.size() < context_.batch_rows; ++fired_groups_) {
      const window_groups::group& group = due->at(fired_groups_);
      if (group.rows > 0 && !group.emitted) touched_.push_back({due, fired_groups_});
    }
    if (fired_groups_ < due->size()) return;
    finished.push_back(due);
    ++firing_;
    fired_groups_ = 0;
  }
}

result<progress> window::fire(output& out) {
  std::vector<window_groups*> finished;
  for (;;) {
    finished.clear();
    collect_due(finished);
    const bool any = !touched_.empty() || !finished.empty();
    SYSTOLE_TRY(emit_touched(out));
    for (window_groups* each : finished) {
      if (windows_.closing(each->start()) <= watermark_) SYSTOLE_TRY(close(*each));
      else open_windows::set_fired(*each);
    }
    if (!any) {
      firing_ = watermark_none;
      fired_groups_ = 0;
      SYSTOLE_TRY(windows_.shrink(watermark_));
      SYSTOLE_ASSIGN(const bool more, windows_.load_due(watermark_, open_windows::cached_groups));
      if (!more) return progress::done;
    }
    if (out.full()) return progress::again;
  }
}

result<void> window::emit_touched(output& out) {
  if (touched_.empty()) return {};
  name_groups();
  SYSTOLE_TRY(accumulators_->begin(groups_));
  std::vector<row_error> errors;
  batch rows = result_rows(accumulators_->results(errors));
  SYSTOLE_TRY(accumulators_->end());
  std::vector<uint8_t> keep(rows.rows(), 1);
  reject_failed(rows, errors, failed_result_rule, keep, out);
  std::vector<uint32_t> good;
  for (uint32_t i = 0; i < rows.rows(); ++i)
    if (keep[i]) good.push_back(i);
  if (good.size() < rows.rows()) rows = gather(rows, good);
  std::vector<uint32_t> kept;
  batch results = plan_.results.apply(rows, out, kept);
  if (plan_.changelog_output) {
    for (uint32_t each : kept) touched_[good[each]].get().emitted = true;
    column_builder kinds(hidden_types[static_cast<size_t>(hidden::kind)], results.rows());
    std::fill_n(kinds.mutable_values<uint8_t>(), results.rows(), static_cast<uint8_t>(row_kind::insert));
    kinds.set_size(results.rows());
    results.set_hidden(hidden::kind, kinds.finish());
  }
  touched_.clear();
  if (!results.empty()) out.push(std::move(results));
  return {};
}

result<void> window::close(window_groups& closed) {
  if (accumulators_->has_side_tables()) {
    for (uint32_t index = 0; index < closed.size(); ++index) {
      const std::string_view name = closed.name(closed.at(index));
      SYSTOLE_TRY(accumulators_->erase({closed.value(index), name, hash_key(name)}));
    }
  }
  return windows_.close(closed);
}

}  // namespace

result<std::unique_ptr<stream_operator>> make_window(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                     const operator_context& context) {
  const proto::Window& plan = node.window();
  const int64_t slide = plan.slide_us() > 0 ? plan.slide_us() : plan.size_us();
  if (plan.size_us() <= 0 || plan.allowed_lateness_us() < 0 || plan.slide_us() < 0)
    return step_failure(context, "a window needs a positive size and slide, and no negative lateness: " +
                                     std::to_string(plan.size_us()) + " us");
  const schema& columns = inputs[0].columns;
  SYSTOLE_ASSIGN(std::unique_ptr<accumulator_set> accumulators,
                 accumulator_set::make(plan.calls(), columns, inputs[0].changelog, context));
  window_plan made{.times = window_times(plan.size_us(), slide, plan.offset_us())};
  SYSTOLE_ASSIGN(made.keys, bind_step_fields(plan.key_by(), step_scope(columns, context), context));
  schema result_columns;
  for (int i = 0; i < plan.key_by_size(); ++i) {
    const expression_ptr& key = made.keys[static_cast<size_t>(i)];
    result_columns.fields.push_back({plan.key_by(i).name(), key->type(), key->nullable()});
    made.key_layout.types.push_back(key->type());
  }
  for (const field& each : accumulators->columns()) result_columns.fields.push_back(each);
  for (const char* name : {"window_start", "window_end", "window_time"})
    result_columns.fields.push_back({name, {type_id::timestamptz}, false});
  SYSTOLE_ASSIGN(made.results, row_projection::bind(context, failed_result_rule, {}, plan.fields(), node.output(),
                                                    step_scope(result_columns, context)));
  made.layout = {.size_us = plan.size_us(),
                 .lateness_us = plan.allowed_lateness_us(),
                 .on_time = plan.emit_on_time(),
                 .counts_rows = inputs[0].changelog,
                 .value_bytes = accumulators->value_bytes(),
                 .key_groups = accumulators->has_side_tables() ? context.max_parallelism : 0};
  made.drop_late = plan.on_late() == "drop";
  made.changelog_output = plan.emit_on_time();
  made.omit_update_before = node.omit_update_before();
  return std::unique_ptr<stream_operator>(std::make_unique<window>(context, std::move(made), std::move(accumulators)));
}

}  // namespace systole
