#include "connectors/factory.h"

#include <algorithm>

#include "connectors/console_sink.h"
#include "connectors/counting_sink.h"
#include "connectors/files/file_follow_source.h"
#include "connectors/files/file_sink.h"
#include "connectors/files/file_source.h"
#include "connectors/files/table_sink.h"
#include "connectors/generator/generator_source.h"
#include "connectors/kafka/kafka_sink.h"
#include "connectors/kafka/kafka_source.h"
#include "connectors/metrics_sink.h"
#include "connectors/postgres/postgres_sink.h"
#include "connectors/postgres/postgres_table_source.h"
#include "connectors/sqlite/sqlite_sink.h"

namespace systole {
namespace {

/// Errors name the step that they are about.
template <class T>
result<std::unique_ptr<T>> of_step(const proto::Node& node, result<std::unique_ptr<T>> made) {
  if (made) return made;
  failure cause = std::move(made).error();
  cause.message = node.step() + ": " + cause.message;
  return cause;
}

/// Wide rows come in smaller batches: a batch's columns and their texts are to stay in a core's cache from the decoder to the sink.
/// From topic to topic 24 columns take 6 to 8 % less CPU in batches of 1,024 rows than of 4,096, and narrow ones 2 % more.
size_t batch_rows_of(size_t columns, size_t most) {
  constexpr size_t cells = 24 * 1024, least = 512;
  return std::min(most, std::max(least, cells / std::max<size_t>(columns, 1)));
}

}  // namespace

result<std::unique_ptr<source_factory>> make_source(const proto::Node& node, const connector_context& given) {
  connector_context context = given;
  context.batch_rows = batch_rows_of(static_cast<size_t>(node.source().columns_size()), given.batch_rows);
  switch (node.source().kind()) {
    case proto::Source::FILES:
      return of_step(node, node.source().follow() ? make_file_follow_source(node.source(), context)
                                                  : file_source_factory::make(node.source(), context));
    case proto::Source::POSTGRES: return of_step(node, postgres_table_source::make(node, context));
    case proto::Source::KAFKA: return of_step(node, kafka_source_factory::make(node.source(), context));
    case proto::Source::GENERATOR: return of_step(node, make_generator_source(node, context));
    default: break;
  }
  return fail(error_code::invalid_argument, node.step() + ": this kind of source is not in this build");
}

result<std::unique_ptr<sink_factory>> make_sink(const proto::Node& node, const sink_input& input,
                                                const connector_context& context) {
  switch (node.sink().kind()) {
    case proto::Sink::FILES:
    case proto::Sink::DEAD_LETTER_FILES:
      if (input.changelog)
        return fail(error_code::invalid_argument,
                    node.step() + ": appended files take no changelog; write a table file or to SQLite");
      return of_step(node, file_sink_factory::make(node, input, context));
    case proto::Sink::TABLE_FILE: return of_step(node, make_table_sink(node, input, context));
    case proto::Sink::KAFKA: return of_step(node, kafka_sink_factory::make(node, input, context));
    case proto::Sink::POSTGRES: {
      SYSTOLE_ASSIGN(auto made, of_step(node, postgres_sink_factory::make(node, input, context)));
      return std::unique_ptr<sink_factory>(std::move(made));
    }
    case proto::Sink::SQLITE: return of_step(node, sqlite_sink_factory::make(node, input, context));
    case proto::Sink::CONSOLE: return of_step(node, make_console_sink(node, input, context));
    case proto::Sink::METRICS: return of_step(node, make_metrics_sink(node, input, context));
    case proto::Sink::BLACKHOLE: return of_step(node, make_blackhole_sink(node, context));
    case proto::Sink::COLLECT: return of_step(node, make_collect_sink(node, input, context));
    default: return fail(error_code::invalid_argument, node.step() + ": this kind of sink is not in this build");
  }
}

}  // namespace systole
