#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "connectors/postgres/postgres_sink.h"
#include "postgres_server.h"
#include "tests/connectors/sink_harness.h"

namespace systole::testing {

inline std::string message_of(const result<void>& done) { return done ? "fine" : done.error().message; }

/// One sink of the tests: table `out` of a fresh schema.
struct sink_setup {
  bool upsert = false;
  bool create = true;
  bool check_epochs = true;
  std::string dead_letter = {};    ///< table name, or none
  uint64_t term = 1;
  std::string socket_folder = {};  ///< of a proxy
  std::string schema_name = fresh_schema();
  std::function<void(std::string_view)> on_phase = {};
  schema columns = test_columns();
  std::vector<std::string> key = {"id"};

  proto::Node node() const {
    proto::Node made;
    made.set_step("out");
    proto::Sink& sink = *made.mutable_sink();
    sink.set_kind(proto::Sink::POSTGRES);
    *sink.mutable_connection() = server().connection(socket_folder);
    sink.set_table(schema_name + ".out");
    sink.set_write(upsert ? "upsert" : "append");
    if (upsert)
      for (const std::string& each : key) sink.add_key(each);
    sink.mutable_postgres()->set_create_missing(create);
    if (!dead_letter.empty()) sink.mutable_postgres()->set_dead_letter_table(schema_name + "." + dead_letter);
    return made;
  }
  result<std::unique_ptr<postgres_sink_factory>> make(const std::string& folder, file_system& files = posix_file_system()) const {
    connector_context context;
    context.job = "test";
    context.outbox_directory = folder + "/outbox";
    context.files = &files;
    context.guards.epoch_check = check_epochs;
    context.term = term_id(term);
    SYSTOLE_ASSIGN(auto made, postgres_sink_factory::make(node(), {columns, upsert, {}}, context));
    made->settings().on_phase = on_phase;
    return made;
  }
  sink_run::make_factory maker(const std::string& folder, file_system& files = posix_file_system()) const {
    return [this, folder, &files]() -> result<std::unique_ptr<sink_factory>> {
      SYSTOLE_ASSIGN(auto made, make(folder, files));
      return std::unique_ptr<sink_factory>(std::move(made));
    };
  }
  std::string table() const { return schema_name + ".out"; }
  std::string rows() const { return server().query("SELECT id, name FROM " + table() + " ORDER BY id, name"); }
};

}  // namespace systole::testing
