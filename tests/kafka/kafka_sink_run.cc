#include "tests/kafka/kafka_sink_run.h"

#include <algorithm>

#include "tests/kafka/kafka_records.h"

namespace systole::testing {

schema kafka_row_columns() { return {{{"id", {type_id::int32}}, {"name", {type_id::text}}}}; }

batch kafka_rows(const std::vector<kafka_row>& rows, bool changelog) {
  column_builder ids({type_id::int32}, rows.size()), names({type_id::text}, rows.size()), kinds({type_id::boolean}, rows.size());
  for (const kafka_row& each : rows) {
    ids.append<int32_t>(each.id);
    if (each.name) names.append_text_copy(*each.name);
    else names.append_null();
    kinds.append<uint8_t>(static_cast<uint8_t>(each.kind));
  }
  batch made(rows.size(), {ids.finish(), names.finish()});
  if (changelog) made.set_hidden(hidden::kind, kinds.finish());
  return made;
}

proto::Node kafka_sink_node(const std::string& servers, const std::string& topic) {
  proto::Node node;
  node.set_step("out");
  proto::Sink& sink = *node.mutable_sink();
  sink.set_kind(proto::Sink::KAFKA);
  sink.set_format("json");
  sink.mutable_connection()->set_name("test");
  (*sink.mutable_connection()->mutable_settings())["bootstrap.servers"] = servers;
  sink.mutable_kafka()->set_topic(topic);
  sink.mutable_kafka()->set_create_if_missing(true);
  sink.mutable_kafka()->set_partitions(2);
  return node;
}

kafka_sink_run::kafka_sink_run(std::string servers, std::string job, std::string topic, change_settings change)
    : servers_(std::move(servers)), job_(std::move(job)), topic_(std::move(topic)), change_(std::move(change)) {}

result<void> kafka_sink_run::begin(uint32_t shards) {
  die();
  connector_context context;
  context.job = job_;
  context.outbox_directory = folder_ / "outbox";
  context.time = &time_;
  context.files = &files_;
  SYSTOLE_ASSIGN(kafka_sink_settings settings,
                 kafka_settings_of(kafka_sink_node(servers_, topic_), {kafka_row_columns(), false, {}}, context));
  if (change_) change_(settings);
  factory_ = std::make_unique<kafka_sink_factory>(std::make_shared<const kafka_sink_settings>(std::move(settings)));
  most_shards_ = std::max(most_shards_, shards);
  number_ += 3;  // aborted epochs' numbers are not used again
  SYSTOLE_ASSIGN(const auto committer, factory_->make_committer(most_shards_));
  SYSTOLE_TRY(committer->recover(last_ ? last_->epoch.epoch : epoch_id(0)));
  if (last_) SYSTOLE_TRY(committer->commit(last_->epoch, last_->shards));
  position_ = last_ ? last_->position : 0;
  for (uint32_t i = 0; i < shards; ++i) {
    SYSTOLE_ASSIGN(auto writer, factory_->make_writer(i, shards));
    if (last_)
      for (size_t old = i; old < last_->snapshots.size(); old += shards) SYSTOLE_TRY(writer->restore(last_->snapshots[old]));
    writers_.push_back(std::move(writer));
  }
  return {};
}

result<void> kafka_sink_run::write(int32_t rows) {
  std::vector<std::vector<kafka_row>> of_shard(writers_.size());
  for (; rows > 0; --rows, ++position_) of_shard[static_cast<size_t>(position_) % writers_.size()].push_back({position_, "n"});
  for (size_t i = 0; i < writers_.size(); ++i) {
    SYSTOLE_TRY(writers_[i]->write(kafka_rows(of_shard[i])));
    SYSTOLE_TRY(pass());
  }
  return {};
}

result<void> kafka_sink_run::stage(bool is_final) {
  staged_ = {};
  staged_.epoch = {epoch_id(++number_), last_ ? last_->epoch.epoch : epoch_id(0), "uuid", is_final};
  staged_.position = position_;
  for (size_t i = 0; i < writers_.size(); ++i) {
    SYSTOLE_ASSIGN(sealed_epoch sealed, writers_[i]->seal(staged_.epoch.epoch, is_final));
    staged_.shards.push_back({static_cast<uint32_t>(i), std::move(sealed.committable)});
    staged_.snapshots.push_back(writers_[i]->snapshot());
    SYSTOLE_TRY(pass());
  }
  for (const auto& each : writers_) {
    SYSTOLE_TRY(each->make_durable(staged_.epoch.epoch));
    SYSTOLE_TRY(pass());
  }
  return {};
}

void kafka_sink_run::complete() { last_ = staged_; }

result<void> kafka_sink_run::commit() {
  for (const auto& each : writers_) {
    SYSTOLE_TRY(each->commit(last_->epoch));
    SYSTOLE_TRY(pass());
  }
  return {};
}

result<void> kafka_sink_run::epoch(int32_t rows) {
  SYSTOLE_TRY(write(rows));
  SYSTOLE_TRY(stage());
  complete();
  SYSTOLE_TRY(pass());
  return commit();
}

std::string kafka_sink_run::difference(const std::string& servers) const {
  std::map<std::string, int> found;
  for (const topic_record& each : read_topic(servers, topic_)) ++found[each.value.value_or("")];
  std::string told;
  for (int32_t id = 0; id < (last_ ? last_->position : 0); ++id) {
    const std::string row = "{\"id\":" + std::to_string(id) + ",\"name\":\"n\"}";
    const int count = found[row];
    found.erase(row);
    if (count != 1) told += std::to_string(id) + " is there " + std::to_string(count) + " times; ";
  }
  for (const auto& [row, count] : found) told += "not wanted: " + row + "; ";
  return told;
}

}  // namespace systole::testing
