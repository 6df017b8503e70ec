// Records per CPU-second of the Kafka source with the full decode, beside the file source on the same records. Not a test:
//   kafka_source_speed [records] [fetch.message.max.bytes]
// All threads of this process count, librdkafka's among them; the broker has a process of its own.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/clock.h"
#include "base/limits.h"
#include "connectors/factory.h"
#include "connectors/generator/patient_flow_generator.h"
#include "tests/kafka/kafka_broker.h"
#include "tests/kafka/kafka_records.h"
#include "tests/support/cpu_seconds.h"
#include "tests/support/temporary_directory.h"

namespace systole {
namespace {

/// Every top-level key of the line, times as such.
void add_columns(proto::Source& to, const std::string& line) {
  for (size_t at = 0; (at = line.find('"', at)) != std::string::npos;) {
    const size_t end = line.find('"', at + 1);
    const std::string name = line.substr(at + 1, end - at - 1);
    at = end + 1;
    if (line[at] != ':') continue;
    proto::SourceColumn& column = *to.add_columns();
    column.mutable_field()->set_name(name);
    const bool is_time = line.compare(at + 1, 3, "\"20") == 0;
    const bool is_number = line[at + 1] >= '0' && line[at + 1] <= '9';
    const type_id type = is_time ? type_id::timestamptz : is_number ? type_id::float64 : type_id::text;
    column.mutable_field()->mutable_type()->set_id(static_cast<uint32_t>(type));
    column.add_path(name);
  }
}

struct measured {
  uint64_t records = 0, bytes = 0, rejects = 0;
  double cpu = 0, of_reader = 0, wall = 0;
};

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

measured read_all(const proto::Source& source, const connector_context& context) {
  proto::Node node;
  node.set_step("events");
  *node.mutable_source() = source;
  const auto factory = make_source(node, context).value();
  const auto reader = factory->make_reader(0, 1, {}).value();
  measured made;
  const double cpu = testing::cpu_seconds(), of_reader = thread_cpu_seconds();
  const auto begin = context.time->monotonic();
  while (true) {
    auto polled = reader->poll();
    if (!polled) {
      std::fprintf(stderr, "%s\n", polled.error().message.c_str());
      std::exit(1);
    }
    made.records += polled->records;
    made.bytes += polled->bytes;
    made.rejects += polled->rejects.size();
    if (polled->what == source_poll::kind::finished) break;
    if (polled->what == source_poll::kind::idle) {
      // A task sleeps until it is woken; half a millisecond costs less than what it waits for.
      const timespec wait{0, 500'000};
      nanosleep(&wait, nullptr);
    }
  }
  made.cpu = testing::cpu_seconds() - cpu;
  made.of_reader = thread_cpu_seconds() - of_reader;
  made.wall = std::chrono::duration<double>(context.time->monotonic() - begin).count();
  return made;
}

void tell(const char* name, const measured& it) {
  std::printf("%-6s %8llu records %5.0f B each, %llu rejected: %.2f M/s of CPU, %.2f M/s of wall time; %.3f us each, %.3f in its reader\n", name,
              static_cast<unsigned long long>(it.records), static_cast<double>(it.bytes) / static_cast<double>(it.records),
              static_cast<unsigned long long>(it.rejects), static_cast<double>(it.records) / it.cpu / 1e6,
              static_cast<double>(it.records) / it.wall / 1e6, it.cpu * 1e6 / static_cast<double>(it.records),
              it.of_reader * 1e6 / static_cast<double>(it.records));
}

}  // namespace
}  // namespace systole

int main(int count, char** words) {
  using namespace systole;
  setenv("SYSTOLE_KAFKA_FULL_COMPILER", "1", 1);
  const size_t records = count > 1 ? std::strtoull(words[1], nullptr, 10) : 500'000;
  const systole::testing::temporary_directory folder;
  std::string lines;
  patient_flow_options options;
  options.count = records;
  patient_flow_generator generator(options);
  while (!generator.finished()) generator.generate(lines, 65'536);
  std::ofstream(folder / "events.ndjson", std::ios::binary) << lines;
  kafka_broker& broker = kafka_broker::shared();
  broker.create_topic("events");
  std::vector<topic_record> batch;
  for (size_t at = 0; at < lines.size();) {
    const size_t end = lines.find('\n', at);
    batch.push_back({.value = lines.substr(at, end - at), .partition = 0});
    at = end + 1;
    if (batch.size() == 50'000 || at >= lines.size()) {
      produce(broker.servers(), "events", batch, {{"batch.size", "1000000"}, {"linger.ms", "20"}});
      batch.clear();
    }
  }
  parameter_map parameters;
  connector_context context;
  context.files = &posix_file_system();
  context.time = &system_clock();
  context.parameters = &parameters;
  context.batch_rows = limits::batch_rows;
  proto::Source files;
  files.set_kind(proto::Source::FILES);
  files.set_path(folder / "events.ndjson");
  files.mutable_decoder()->set_format(proto::Decoder::JSON);
  files.mutable_decoder()->set_lenient_json(true);
  add_columns(files, lines.substr(0, lines.find('\n')));
  proto::Source kafka = files;
  kafka.set_kind(proto::Source::KAFKA);
  kafka.mutable_connection()->set_name("bench");
  (*kafka.mutable_connection()->mutable_settings())["bootstrap.servers"] = broker.servers();
  if (count > 2) (*kafka.mutable_connection()->mutable_settings())["fetch.message.max.bytes"] = words[2];
  kafka.mutable_kafka()->set_topic("events");
  kafka.mutable_kafka()->set_bounded(true);
  std::printf("%d columns\n", files.columns_size());
  for (int round = 0; round < 3; ++round) {
    const measured of_file = read_all(files, context), of_kafka = read_all(kafka, context);
    tell("file", of_file);
    tell("kafka", of_kafka);
    std::printf("ratio %.2f\n", (static_cast<double>(of_kafka.records) / of_kafka.cpu) / (static_cast<double>(of_file.records) / of_file.cpu));
  }
}
