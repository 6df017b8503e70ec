#include "operators/aggregate/aggregate_groups.h"

#include <algorithm>
#include <cstring>

namespace systole {
namespace {

// A group's value: its row count, the index that the last batch to touch it gave it, and then the accumulators. The index
// finds a row's group without a hash table: it is right where that group's address is this one.
constexpr size_t index_offset = 8;
constexpr size_t header_bytes = 16;

schema key_and_call_columns(const google::protobuf::RepeatedPtrField<proto::NamedExpression>& names,
                            const std::vector<expression_ptr>& key, const std::vector<field>& calls) {
  schema columns;
  for (int i = 0; i < names.size(); ++i)
    columns.fields.push_back({names[i].name(), key[static_cast<size_t>(i)]->type(), key[static_cast<size_t>(i)]->nullable()});
  columns.fields.insert(columns.fields.end(), calls.begin(), calls.end());
  return columns;
}

}  // namespace

result<std::unique_ptr<aggregate_groups>> aggregate_groups::make(const proto::Node& node,
                                                                 const std::vector<operator_input>& inputs,
                                                                 const operator_context& context, bool keep_keys) {
  const proto::Aggregate& step = node.aggregate();
  SYSTOLE_ASSIGN(std::vector<expression_ptr> key,
                 bind_step_fields(step.key_by(), step_scope(inputs[0].columns, context), context));
  SYSTOLE_ASSIGN(std::unique_ptr<accumulator_set> accumulators,
                 accumulator_set::make(step.calls(), inputs[0].columns, inputs[0].changelog, context));
  SYSTOLE_ASSIGN(aggregate_fields fields,
                 aggregate_fields::make(node, key_and_call_columns(step.key_by(), key, accumulators->columns()), context));
  std::unique_ptr<aggregate_groups> made(new aggregate_groups(context, std::move(fields)));
  made->changelog_ = inputs[0].changelog;
  for (const expression_ptr& each : key) {
    made->key_layout_.types.push_back(each->type());
    // Equal keys may look different (1.0 and 1.00, 0 and -0); what is retracted must be what was given.
    keep_keys = keep_keys || each->type().has_row_scales() || each->type().is(type_id::float64);
  }
  made->keep_keys_ = keep_keys;
  if (keep_keys) made->key_encoder_.emplace(made->key_layout_);
  made->key_ = std::move(key);
  made->accumulators_ = std::move(accumulators);
  return made;
}

result<void> aggregate_groups::open() {
  std::string fingerprint = "by ", types;
  for (const expression_ptr& each : key_) fingerprint += each->normalized() + ", ";
  for (const data_type& each : key_layout_.types) types += to_string(each) + ",";
  SYSTOLE_ASSIGN(values_, context_.state->open_values(
                              {.step = context_.step,
                               .name = "groups",
                               .layout = "key->rows:i64,index:u32,0:u32," + accumulators_->layout(),
                               .fingerprint = fingerprint + accumulators_->fingerprint(),
                               .fixed_value_bytes = static_cast<uint32_t>(header_bytes + accumulators_->value_bytes())}));
  if (keep_keys_) {
    SYSTOLE_ASSIGN(kept_keys_, context_.state->open_values({.step = context_.step,
                                                            .name = "keys",
                                                            .layout = "key->row of " + types + "row encoding " +
                                                                      std::to_string(row_encoding_version),
                                                            .fingerprint = fingerprint}));
  }
  return accumulators_->open();
}

int64_t aggregate_groups::row_count(size_t group) const {
  int64_t count;
  std::memcpy(&count, groups_[group].value - header_bytes, sizeof count);
  return count;
}

void aggregate_groups::set_row_count(size_t group, int64_t count) {
  std::memcpy(groups_[group].value - header_bytes, &count, sizeof count);
}

bool aggregate_groups::any_has_rows() const {
  for (size_t group = 0; group < groups_.size(); ++group)
    if (has_rows(group)) return true;
  return false;
}

result<bool> aggregate_groups::take(batch rows, output& out) {
  context_.accounting->in += rows.rows();
  std::vector<row_error> errors;
  encode_keys_or_reject(key_, rows, context_, key_columns_, keys_, out);
  accumulators_->evaluate(rows, errors);
  while (!errors.empty()) {
    rows = reject_failed_rows(rows, errors, out);
    encode_keys_or_reject(key_, rows, context_, key_columns_, keys_, out);
    accumulators_->evaluate(rows, errors);
  }
  context_.accounting->absorbed += rows.rows();
  rows_ = std::move(rows);
  group_keys_.clear();
  if (rows_.empty()) return false;
  entries_.resize(rows_.rows());
  SYSTOLE_TRY(values_->find_or_insert(keys_, {}, entries_));
  index_groups(entries_);
  if (keep_keys_) SYSTOLE_TRY(keep_new_keys());
  SYSTOLE_TRY(accumulators_->begin(groups_));
  return true;
}

void aggregate_groups::index_groups(std::span<const state_entry> entries) {
  group_of_.resize(entries.size());
  groups_.clear();
  first_rows_.clear();
  new_groups_.clear();
  for (uint32_t row = 0; row < entries.size(); ++row) {
    std::byte* const start = entries[row].value;
    uint32_t index;
    std::memcpy(&index, start + index_offset, sizeof index);
    if (index >= groups_.size() || groups_[index].value != start + header_bytes) {
      index = static_cast<uint32_t>(groups_.size());
      std::memcpy(start + index_offset, &index, sizeof index);
      groups_.push_back({start + header_bytes, keys_.key(row), keys_.hash(row)});
      first_rows_.push_back(row);
      if (entries[row].inserted) new_groups_.push_back(index);
    }
    group_of_[row] = index;
  }
}

result<void> aggregate_groups::keep_new_keys() {
  if (new_groups_.empty()) return {};
  const batch keys(rows_.rows(), key_columns_);
  key_encoder_->bind(keys);
  std::string encoded;
  for (const uint32_t group : new_groups_) {
    encoded.clear();
    key_encoder_->append(encoded, first_rows_[group]);
    SYSTOLE_TRY(kept_keys_->put(groups_[group].key, groups_[group].hash, encoded));
  }
  return {};
}

result<void> aggregate_groups::add() {
  const column_ptr& kinds = rows_.hidden_column(hidden::kind);
  for (size_t row = 0; row < group_of_.size(); ++row) {
    const int change = kinds ? sign(static_cast<row_kind>(kinds->values<uint8_t>()[row])) : 1;
    set_row_count(group_of_[row], row_count(group_of_[row]) + change);
  }
  return accumulators_->add({}, group_of_);
}

result<void> aggregate_groups::add_each(bool want_before, steps& out) {
  const column_ptr& kinds = rows_.hidden_column(hidden::kind);
  out.had.resize(group_of_.size());
  out.has.resize(group_of_.size());
  for (size_t row = 0; row < group_of_.size(); ++row) {
    const int64_t before = row_count(group_of_[row]);
    const int64_t after = before + (kinds ? sign(static_cast<row_kind>(kinds->values<uint8_t>()[row])) : 1);
    set_row_count(group_of_[row], after);
    out.had[row] = before > 0;
    out.has[row] = after > 0;
  }
  return accumulators_->add_each({}, group_of_, want_before, out.calls);
}

result<void> aggregate_groups::finish() {
  SYSTOLE_TRY(accumulators_->end());
  if (!changelog_) return {};
  for (size_t group = 0; group < groups_.size(); ++group)
    if (row_count(group) == 0) emptied_.emplace(groups_[group].key);
  return {};
}

result<std::vector<column_ptr>> aggregate_groups::kept_key_columns() const {
  row_decoder decoder(key_layout_, std::max<size_t>(groups_.size(), 1));
  const std::string absent = [this] {
    std::string encoded;
    std::vector<column_ptr> nulls;
    for (const data_type& each : key_layout_.types) nulls.push_back(null_column(each, 1));
    append_row(encoded, key_layout_, batch(1, std::move(nulls)), 0);
    return encoded;
  }();
  for (const accumulator_group& each : groups_) {
    SYSTOLE_ASSIGN(const std::optional<std::string_view> encoded, kept_keys_->get(each.key, each.hash));
    SYSTOLE_TRY(decoder.append(encoded ? *encoded : std::string_view(absent)));
  }
  return decoder.finish().columns();
}

result<std::vector<column_ptr>> aggregate_groups::group_key_columns() {
  if (group_keys_.empty() && !key_.empty()) {
    if (keep_keys_) {
      SYSTOLE_ASSIGN(group_keys_, kept_key_columns());
    } else {
      for (const column_ptr& each : key_columns_) group_keys_.push_back(gather(*each, first_rows_));
    }
  }
  return group_keys_;
}

result<std::vector<column_ptr>> aggregate_groups::key_columns_by_row() {
  if (!keep_keys_) return key_columns_;
  SYSTOLE_ASSIGN(const std::vector<column_ptr> by_group, group_key_columns());
  std::vector<column_ptr> columns;
  for (const column_ptr& each : by_group) columns.push_back(gather(*each, group_of_));
  return columns;
}

result<aggregate_groups::side> aggregate_groups::results(output* report) {
  side made;
  std::vector<row_error> errors;
  SYSTOLE_ASSIGN(std::vector<column_ptr> columns, group_key_columns());
  for (column_ptr& each : accumulators_->results(errors)) columns.push_back(std::move(each));
  made.has.resize(groups_.size());
  for (size_t group = 0; group < groups_.size(); ++group) made.has[group] = has_rows(group);
  made.columns = fields_.project(batch(groups_.size(), std::move(columns)), made.has, std::move(errors), report);
  return made;
}

result<void> aggregate_groups::load(std::span<const name> names) {
  const size_t bytes = header_bytes + accumulators_->value_bytes();
  loaded_.assign(names.size() * bytes, '\0');
  groups_.clear();
  group_of_.clear();
  group_keys_.clear();
  rows_ = {};
  for (size_t i = 0; i < names.size(); ++i) {
    char* const start = loaded_.data() + i * bytes;
    SYSTOLE_ASSIGN(const std::optional<std::string_view> value, values_->get(names[i].key, names[i].hash));
    if (value) std::memcpy(start, value->data(), bytes);
    groups_.push_back({reinterpret_cast<std::byte*>(start) + header_bytes, names[i].key, names[i].hash});
  }
  return accumulators_->begin(groups_);
}

result<void> aggregate_groups::remove_empty() {
  for (const std::string& key : emptied_) {
    const uint64_t hash = hash_key(key);
    SYSTOLE_ASSIGN(const std::optional<std::string_view> value, values_->get(key, hash));
    if (!value) continue;
    int64_t count;
    std::memcpy(&count, value->data(), sizeof count);
    if (count != 0) continue;
    SYSTOLE_TRY(values_->erase(key, hash));
    if (keep_keys_) SYSTOLE_TRY(kept_keys_->erase(key, hash));
    if (accumulators_->has_side_tables()) SYSTOLE_TRY(accumulators_->erase({nullptr, key, hash}));
  }
  emptied_.clear();
  return {};
}

result<void> aggregate_groups::for_each(const std::function<void(std::string_view key, uint64_t hash)>& visit) {
  return values_->for_each([&](std::string_view key, std::string_view value) {
    int64_t count;
    std::memcpy(&count, value.data(), sizeof count);
    if (count > 0) visit(key, hash_key(key));
    return true;
  });
}

}  // namespace systole
