#include "state/table_registry.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cassert>
#include <utility>

#include "state/tables/hashed_map_table.h"
#include "state/tables/hashed_value_table.h"
#include "state/tables/ordered_timer_table.h"

namespace systole {

uint32_t table_number(std::string_view step, std::string_view name) {
  std::string text(step);
  text.push_back('\0');
  text += name;
  return static_cast<uint32_t>(XXH3_64bits(text.data(), text.size()));
}

table_registry::table_registry(const task_state_options& options, delta_log& log, state_tier& tier,
                               const std::vector<restored_state>& restored)
    : options_(options), log_(log), tier_(tier) {
  for (const restored_state& state : restored) {
    for (const restored_table& table : state.tables) {
      held_table& held = tables_[table.descriptor.number()];
      held.step = table.step;
      held.descriptor = table.descriptor;
      held.restored = true;
    }
  }
}

template <class Table, class Interface>
void table_registry::build(held_table& table) {
  auto made = std::make_unique<Table>(options_.groups, options_.max_parallelism, log_, tier_, table.shape);
  // What open() hands out is the public interface, so the pointer is adjusted to it here.
  table.interface = static_cast<Interface*>(made.get());
  table.state = std::move(made);
}

result<void> table_registry::make(held_table& table) {
  switch (table.shape.kind) {
    case table_kind::map: build<hashed_map_table, map_table>(table); break;
    case table_kind::timers: build<ordered_timer_table, timer_table>(table); break;
    default: build<hashed_value_table, value_table>(table);
  }
  if (table.restored && restored_base_) return table.state->begin_loading();
  return {};
}

result<table_registry::held_table*> table_registry::table_of(const table_shape& shape) {
  const auto found = tables_.find(shape.number);
  if (found == tables_.end())
    return fail(error_code::corrupt, fmt::format("state table {:08x} has entries and is not in the checkpoint's metadata", shape.number));
  held_table& table = found->second;
  if (!table.state) {
    table.shape = shape;
    SYSTOLE_TRY(make(table));
  } else if (table.shape != shape) {
    return fail(error_code::corrupt, fmt::format("state table {}/{} has entries of two shapes", table.step,
                                                 table.descriptor.name()));
  }
  return &table;
}

result<void> table_registry::restore(segment_reader& reader, const state_part& part) {
  if (reader.header().max_parallelism != options_.max_parallelism) {
    return fail(error_code::incompatible,
                fmt::format("the saved state has maxParallelism {}, the job {}: it is fixed for the state's life",
                            reader.header().max_parallelism, options_.max_parallelism));
  }
  const key_group_range written = reader.header().groups;
  const bool all_count = part.groups.first <= written.first && part.groups.last >= written.last;
  for (;;) {
    SYSTOLE_ASSIGN(const bool more, reader.next_chunk());
    if (!more) return {};
    if (!part.has(reader.table().number)) continue;
    SYSTOLE_ASSIGN(held_table* const table, table_of(reader.table()));
    for (delta_record record;;) {
      SYSTOLE_ASSIGN(const bool another, reader.next(record));
      if (!another) break;
      if (!all_count && !part.groups.contains(key_group_of(hash_key(record.key), options_.max_parallelism))) continue;
      SYSTOLE_TRY(table->state->restore(record));
    }
  }
}

result<void> table_registry::finish_restore() {
  for (auto& [number, table] : tables_) {
    if (table.state) SYSTOLE_TRY(table.state->finish_restore());
  }
  return {};
}

table_registry::held_table* table_registry::find(const std::string& step, const std::string& name) {
  for (auto& [number, table] : tables_) {
    if (table.step == step && table.descriptor.name() == name) return &table;
  }
  return nullptr;
}

uint32_t table_registry::free_number(const table_descriptor& descriptor) const {
  uint32_t number = table_number(descriptor.step, descriptor.name);
  while (tables_.contains(number)) ++number;
  return number;
}

result<void*> table_registry::open(const table_descriptor& descriptor, table_kind kind) {
  held_table* table = find(descriptor.step, descriptor.name);
  if (table == nullptr) {
    const uint32_t number = free_number(descriptor);
    table = &tables_[number];
    table->step = descriptor.step;
    table->descriptor.set_name(descriptor.name);
    table->descriptor.set_layout_version(descriptor.layout_version);
    table->descriptor.set_layout(descriptor.layout);
    table->descriptor.set_fingerprint(descriptor.fingerprint);
    table->descriptor.set_ordered(kind == table_kind::map);
    table->descriptor.set_timers(kind == table_kind::timers);
    table->descriptor.set_number(number);
  }
  assert(!table->opened);  // opening twice is a bug
  const proto::TableDescriptor& stored = table->descriptor;
  const table_shape shape{stored.number(), kind, kind == table_kind::values ? descriptor.fixed_value_bytes : 0};
  const bool same = stored.layout_version() == descriptor.layout_version && stored.layout() == descriptor.layout &&
                    stored.fingerprint() == descriptor.fingerprint && stored.ordered() == (kind == table_kind::map) &&
                    stored.timers() == (kind == table_kind::timers) && (!table->state || table->shape == shape);
  if (!same) {
    return fail(error_code::incompatible,
                fmt::format("the saved state of step {}, table {}, was written by another plan (saved: version {}, {}, {}; "
                            "now: version {}, {}, {}): rename the step to start it with empty state",
                            descriptor.step, descriptor.name, stored.layout_version(), stored.layout(), stored.fingerprint(),
                            descriptor.layout_version, descriptor.layout, descriptor.fingerprint));
  }
  if (!table->state) {
    table->shape = shape;
    SYSTOLE_TRY(make(*table));
    SYSTOLE_TRY(table->state->finish_restore());
  }
  table->opened = true;
  return table->interface;
}

result<value_table*> table_registry::open_values(const table_descriptor& descriptor) {
  SYSTOLE_ASSIGN(void* const table, open(descriptor, table_kind::values));
  return static_cast<value_table*>(table);
}
result<map_table*> table_registry::open_map(const table_descriptor& descriptor) {
  SYSTOLE_ASSIGN(void* const table, open(descriptor, table_kind::map));
  return static_cast<map_table*>(table);
}
result<timer_table*> table_registry::open_timers(const table_descriptor& descriptor) {
  SYSTOLE_ASSIGN(void* const table, open(descriptor, table_kind::timers));
  return static_cast<timer_table*>(table);
}

std::set<uint32_t> table_registry::drop_unopened() {
  std::set<uint32_t> dropped;
  for (const auto& [number, table] : tables_) {
    if (!table.opened) dropped.insert(number);
  }
  for (const uint32_t number : dropped) tables_.erase(number);
  return dropped;
}

std::set<uint32_t> table_registry::opened_numbers() const {
  std::set<uint32_t> numbers;
  for (const auto& [number, table] : tables_) {
    if (table.opened) numbers.insert(number);
  }
  return numbers;
}

result<void> table_registry::flush_changes() {
  for (auto& [number, table] : tables_) {
    if (table.state) SYSTOLE_TRY(table.state->flush_changes());
  }
  return {};
}

void table_registry::flush_logged() {
  for (auto& [number, table] : tables_) {
    if (table.state) table.state->flush_logged();
  }
}

void table_registry::evict(double share) {
  for (auto& [number, table] : tables_) {
    if (table.state) table.state->evict(static_cast<uint64_t>(share * static_cast<double>(table.state->memory_bytes())));
  }
}

state_table* table_registry::state_of(uint32_t number) {
  const auto found = tables_.find(number);
  return found == tables_.end() ? nullptr : found->second.state.get();
}

std::vector<table_shape> table_registry::shapes() const {
  std::vector<table_shape> found;
  for (const auto& [number, table] : tables_) {
    if (table.opened) found.push_back(table.shape);
  }
  return found;
}

uint64_t table_registry::memory_bytes() const {
  uint64_t sum = 0;
  for (const auto& [number, table] : tables_) sum += table.state ? table.state->memory_bytes() : 0;
  return sum;
}

uint64_t table_registry::memory_bytes_of(const std::string& step) const {
  uint64_t sum = 0;
  for (const auto& [number, table] : tables_)
    if (table.state && table.step == step) sum += table.state->memory_bytes();
  return sum;
}

std::vector<proto::TableDescriptor> table_registry::descriptors(const std::string& step) const {
  std::vector<proto::TableDescriptor> found;
  for (const auto& [number, table] : tables_) {
    if (table.opened && table.step == step) found.push_back(table.descriptor);
  }
  return found;
}

}  // namespace systole
