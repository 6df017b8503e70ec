#include "operators/aggregate/accumulator_extremes.h"

#include <cstring>

namespace systole {
namespace {

/// One group's extreme while a batch is worked on. Strings keep their capacity from batch to batch.
struct held_extreme {
  bool present = false;
  bool changed = false;
  std::string order;  ///< subkey of the side table; for TEXT on append-only streams unused
  std::string value;  ///< a value's bytes (and its scale for plain NUMERIC), or a text
};

void append_value(column_builder& into, const held_extreme& held) {
  if (!held.present) return into.append_null();
  if (into.type().is_text_like()) return into.append_text_copy(held.value);
  const size_t width = value_width(into.type().id), row = into.size();
  std::memcpy(static_cast<char*>(into.mutable_bytes()) + row * width, held.value.data(), width);
  if (uint8_t* scales = into.mutable_scales()) scales[row] = static_cast<uint8_t>(held.value[width]);
  into.set_size(row + 1);
}

void store_value(std::string& into, const column& values, size_t row) {
  if (values.type().is_text_like()) {
    into.assign(values.text(row));
    return;
  }
  const size_t width = value_width(values.type().id);
  into.assign(static_cast<const char*>(values.raw_values()) + row * width, width);
  if (values.scales()) into.push_back(static_cast<char>(values.scales()[row]));
}

/// What both kinds share: extremes held per group between begin and end.
class held_accumulator : public accumulator {
 public:
  held_accumulator(data_type type, bool max) : type_(type), max_(max) {}
  data_type result_type() const final { return type_; }
  size_t value_bytes() const final { return sizeof(int64_t); }
  bool has_side_table() const final { return true; }

  result<void> add(const accumulator_rows& input) final {
    for (size_t pair = 0; pair < input.size(); ++pair)
      if (const int weight = input.weight(pair); weight != 0)
        SYSTOLE_TRY(update(input.groups[pair], *input.argument, input.row(pair), weight));
    return {};
  }

  result<void> add_each(const accumulator_rows& input, const accumulator_trace& trace) final {
    for (size_t pair = 0; pair < input.size(); ++pair) {
      const held_extreme& held = held_[input.groups[pair]];
      const bool was_present = held.present;
      previous_.assign(held.value);
      if (trace.before) append_value(*trace.before, held);
      if (const int weight = input.weight(pair); weight != 0) {
        SYSTOLE_TRY(update(input.groups[pair], *input.argument, input.row(pair), weight));
        trace.changed[pair] |= was_present != held.present || (was_present && previous_ != held.value);
      }
      append_value(*trace.after, held);
    }
    return {};
  }

  void append_results(column_builder& into, std::vector<row_error>&) final {
    for (size_t group = 0; group < groups_.size(); ++group) append_value(into, held_[group]);
  }

 protected:
  virtual result<void> update(uint32_t group, const column& values, size_t row, int weight) = 0;

  void clear_held() {
    if (held_.size() < groups_.size()) held_.resize(groups_.size());
    for (size_t group = 0; group < groups_.size(); ++group) held_[group].present = held_[group].changed = false;
  }
  /// The number in the group's value: how many entries its side table has.
  int64_t entries(size_t group) const {
    int64_t count;
    std::memcpy(&count, groups_[group].value + offset_, sizeof count);
    return count;
  }
  void set_entries(size_t group, int64_t count) { std::memcpy(groups_[group].value + offset_, &count, sizeof count); }

  data_type type_;
  bool max_;
  std::vector<held_extreme> held_;
  std::string previous_;
};

class text_extreme final : public held_accumulator {
 public:
  explicit text_extreme(bool max) : held_accumulator({type_id::text}, max) {}
  std::string layout() const override { return "entries:i64;text"; }

  result<void> open(keyed_state& state, table_descriptor table) override {
    table.layout = "key->text";
    SYSTOLE_ASSIGN(texts_, state.open_values(table));
    return {};
  }
  result<void> begin(std::span<const accumulator_group> groups, size_t offset) override {
    SYSTOLE_TRY(accumulator::begin(groups, offset));
    clear_held();
    for (size_t group = 0; group < groups.size(); ++group) {
      if (entries(group) == 0) continue;
      SYSTOLE_ASSIGN(const std::optional<std::string_view> text, texts_->get(groups[group].key, groups[group].hash));
      if (!text) return fail(error_code::corrupt, "a group's text is missing in its state");
      held_[group].present = true;
      held_[group].value.assign(*text);
    }
    return {};
  }
  result<void> end() override {
    for (size_t group = 0; group < groups_.size(); ++group) {
      if (!held_[group].changed) continue;
      SYSTOLE_TRY(texts_->put(groups_[group].key, groups_[group].hash, held_[group].value));
      held_[group].changed = false;
    }
    return {};
  }
  result<void> erase(const accumulator_group& group) override { return texts_->erase(group.key, group.hash); }

 private:
  result<void> update(uint32_t group, const column& values, size_t row, int) override {
    held_extreme& held = held_[group];
    const std::string_view text = values.text(row);
    if (held.present && (max_ ? text <= held.value : text >= held.value)) return {};
    held.value.assign(text);
    if (!held.present) set_entries(group, 1);
    held.present = held.changed = true;
    return {};
  }
  value_table* texts_ = nullptr;
};

class retractable_extreme final : public held_accumulator {
 public:
  retractable_extreme(data_type type, bool max) : held_accumulator(type, max) {}
  std::string layout() const override { return "entries:i64;" + to_string(type_) + " counts"; }

  result<void> open(keyed_state& state, table_descriptor table) override {
    table.layout = "key,ordered " + to_string(type_) + "->count:i64,value";
    SYSTOLE_ASSIGN(counts_, state.open_map(table));
    return {};
  }
  result<void> begin(std::span<const accumulator_group> groups, size_t offset) override {
    SYSTOLE_TRY(accumulator::begin(groups, offset));
    clear_held();
    for (size_t group = 0; group < groups.size(); ++group)
      if (entries(group) != 0) SYSTOLE_TRY(load(group));
    return {};
  }
  result<void> erase(const accumulator_group& group) override {
    std::vector<std::string> subkeys;
    SYSTOLE_TRY(counts_->scan(group.key, group.hash, {}, {}, [&](std::string_view subkey, std::string_view) {
      subkeys.emplace_back(subkey);
      return true;
    }));
    for (const std::string& subkey : subkeys) SYSTOLE_TRY(counts_->erase(group.key, group.hash, subkey));
    return {};
  }

 private:
  static int64_t count_of(std::string_view entry) {
    int64_t count;
    std::memcpy(&count, entry.data(), sizeof count);
    return count;
  }

  /// Finds the group's extreme among the values with a positive count.
  result<void> load(size_t group) {
    held_extreme& held = held_[group];
    held.present = false;
    const auto take_first = [&held](std::string_view subkey, std::string_view entry) {
      if (count_of(entry) <= 0) return true;
      held.present = true;
      held.order.assign(subkey);
      held.value.assign(entry.substr(sizeof(int64_t)));
      return false;
    };
    const accumulator_group& of = groups_[group];
    return max_ ? counts_->scan_backwards(of.key, of.hash, {}, {}, take_first)
                : counts_->scan(of.key, of.hash, {}, {}, take_first);
  }

  result<void> update(uint32_t group, const column& values, size_t row, int weight) override {
    const accumulator_group& of = groups_[group];
    held_extreme& held = held_[group];
    order_.clear();
    append_ordered(order_, values, row);
    SYSTOLE_ASSIGN(const std::optional<std::string_view> found, counts_->get(of.key, of.hash, order_));
    const int64_t old_count = found ? count_of(*found) : 0;
    const int64_t new_count = old_count + weight;
    if (found) value_.assign(found->substr(sizeof(int64_t)));
    else store_value(value_, values, row);
    if (new_count == 0) {
      SYSTOLE_TRY(counts_->erase(of.key, of.hash, order_));
    } else {
      entry_.assign(reinterpret_cast<const char*>(&new_count), sizeof new_count);
      entry_.append(value_);
      SYSTOLE_TRY(counts_->put(of.key, of.hash, order_, entry_));
    }
    if (old_count == 0 || new_count == 0) set_entries(group, entries(group) + (new_count == 0 ? -1 : 1));
    if (old_count <= 0 && new_count > 0) {
      if (!held.present || (max_ ? order_ > held.order : order_ < held.order)) {
        held.present = true;
        held.order.assign(order_);
        held.value.assign(value_);
      }
    } else if (old_count > 0 && new_count <= 0 && held.present && order_ == held.order) {
      return load(group);
    }
    return {};
  }

  map_table* counts_ = nullptr;
  std::string order_, value_, entry_;
};

}  // namespace

std::unique_ptr<accumulator> make_text_extreme(bool max) { return std::make_unique<text_extreme>(max); }

std::unique_ptr<accumulator> make_retractable_extreme(data_type type, bool max) {
  return std::make_unique<retractable_extreme>(type, max);
}

}  // namespace systole
