// Rows per CPU-second of the Kafka sink, by part. Not a test: kafka_sink_speed [rows] [format] [compression]
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/kafka/kafka_broker.h"
#include "tests/kafka/kafka_sink_run.h"
#include "tests/support/cpu_seconds.h"

namespace systole::testing {
namespace {

schema columns() {
  schema made{{{"id", {type_id::int64}}, {"at", {type_id::timestamptz}}, {"amount", {type_id::int32}}}};
  for (int i = 0; i < 7; ++i) made.fields.push_back({"column_" + std::to_string(i), {type_id::text}});
  return made;
}

batch some_rows(int64_t first, size_t count) {
  std::vector<column_ptr> made;
  column_builder id({type_id::int64}, count), at({type_id::timestamptz}, count), amount({type_id::int32}, count);
  for (size_t i = 0; i < count; ++i) {
    id.append<int64_t>(first + static_cast<int64_t>(i));
    at.append<int64_t>(1767225600000000 + first + static_cast<int64_t>(i));
    amount.append<int32_t>(static_cast<int32_t>(i));
  }
  made = {id.finish(), at.finish(), amount.finish()};
  for (int c = 0; c < 7; ++c) {
    column_builder text({type_id::text}, count);
    for (size_t i = 0; i < count; ++i) text.append_text_copy("department-" + std::to_string((first + static_cast<int64_t>(i) * (c + 1)) % 1000));
    made.push_back(text.finish());
  }
  return batch(count, std::move(made));
}

int measure(int64_t rows, const std::string& format, const std::string& compression) {
  kafka_broker& broker = kafka_broker::shared();
  temporary_directory folder;
  manual_clock time;
  connector_context context;
  context.job = "speed";
  context.outbox_directory = folder / "outbox";
  context.time = &time;
  context.files = &posix_file_system();
  proto::Node node = kafka_sink_node(broker.servers(), "speed");
  node.mutable_sink()->set_format(format);
  node.mutable_sink()->mutable_kafka()->add_key("id");
  (*node.mutable_sink()->mutable_connection()->mutable_settings())["compression.type"] = compression;
  const auto factory = kafka_sink_factory::make(node, {columns(), false, {}}, context).value();
  const auto committer = factory->make_committer(1).value();
  if (auto done = committer->recover(epoch_id(0)); !done) return std::fprintf(stderr, "%s\n", done.error().message.c_str()), 1;
  const auto writer = factory->make_writer(0, 1).value();
  std::vector<batch> input;
  constexpr int64_t batch_rows = 1000;
  for (int64_t at = 0; at < rows; at += batch_rows) input.push_back(some_rows(at, batch_rows));
  constexpr int epochs = 3;  // the first opens the producer
  for (uint64_t epoch = 1; epoch <= epochs; ++epoch) {
    const double a = cpu_seconds();
    for (const batch& each : input)
      if (auto done = writer->write(each); !done) return std::fprintf(stderr, "%s\n", done.error().message.c_str()), 1;
    const auto sealed = writer->seal(epoch_id(epoch), false).value();
    const double b = cpu_seconds();
    if (auto done = writer->make_durable(epoch_id(epoch)); !done) return std::fprintf(stderr, "%s\n", done.error().message.c_str()), 1;
    const double c = cpu_seconds();
    uint64_t bytes = 0;
    for (const outbox_file& each : sealed.outbox) bytes += each.bytes;
    if (auto done = writer->commit({epoch_id(epoch), epoch_id(epoch - 1), "u"}); !done) return std::fprintf(stderr, "%s\n", done.error().message.c_str()), 1;
    const double d = cpu_seconds();
    const auto n = static_cast<double>(rows);
    std::printf("%s %s: %.0f bytes a row; us of CPU a row: encode and outbox %.3f, stage %.3f, commit %.3f; rows per CPU-second %.0f\n",
                format.c_str(), compression.c_str(), static_cast<double>(bytes) / n, (b - a) / n * 1e6, (c - b) / n * 1e6, (d - c) / n * 1e6,
                n / (d - a));
  }
  return 0;
}

}  // namespace
}  // namespace systole::testing

int main(int count, char** words) {
  return systole::testing::measure(count > 1 ? std::atoll(words[1]) : 300'000, count > 2 ? words[2] : "json",
                                   count > 3 ? words[3] : "none");
}
